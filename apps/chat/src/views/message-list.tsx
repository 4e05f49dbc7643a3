import { useSignal } from '@preact/signals';
import { ChevronDown } from 'lucide';
import { Fragment, type JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Conversation } from '../conversation.js';
import type { Message } from '../history.js';
import { navigation, type Scrolled } from '../navigation.js';
import { Icon } from './icon.js';
import { type Line, linesOf } from './lines.js';
import { type MessageActions, MessageMeta, MessageView } from './message-view.js';
import { counted } from './words.js';

/** Nearer to the end than this, in pixels, the view follows what comes. */
const FOLLOW_PX = 120;
/** The first unread is shown with so much above it, in pixels. */
const ABOVE_NEW_PX = 60;
/** Nearer to either end of what is drawn than this, more is read. */
const MORE_PX = 1_500;
/** So many places make a stretch. */
const STRETCH = 20;

/** Neighbours, and the element around them. */
interface Stretch {
  readonly lines: readonly JSX.Element[];
  readonly element: JSX.Element;
}

function elementOf(seq: number): HTMLElement | null {
  return document.getElementById(`message-${seq}`);
}

function lineStretch({ message }: Line): number {
  return Math.floor(message.seq / STRETCH);
}

/** The first message that ends below a height. They lie one below the other: a binary search. */
function uppermost(messages: readonly Message[], height: number): Scrolled | null {
  let [from, to] = [0, messages.length - 1];
  let found: Scrolled | null = null;
  while (from <= to) {
    const middle = (from + to) >> 1;
    const seq = messages[middle]?.seq ?? 0;
    const box = elementOf(seq)?.getBoundingClientRect();
    if (box === undefined || box.bottom <= height) from = middle + 1;
    else {
      found = { seq, top: box.top };
      to = middle - 1;
    }
  }
  return found;
}

export function MessageList({ conversation, actions }: { conversation: Conversation; actions: MessageActions }) {
  const { thread } = conversation;
  const list = useRef<HTMLDivElement>(null);
  /** The uppermost message in view and where it is, in pixels: what stays where it is when others come or go above. */
  const anchor = useRef(navigation.scrolled);
  const follows = useRef(anchor.current === null);
  const started = useRef(false);
  /** The frame in which the end will be shown, or 0. */
  const frame = useRef(0);
  const known = useRef(new WeakMap<Message, { readonly flags: string; readonly elements: JSX.Element[] }>());
  const stretches = useRef<ReadonlyMap<number, Stretch>>(new Map());
  const pointedAt = useRef<typeof conversation.found.value>(null);
  const atEnd = useSignal(true);
  /** The message that Tab reaches; arrow keys go on from there. */
  const reachable = useSignal<number | null>(null);
  const messages = thread.messages.value;
  const firstNew = conversation.firstNew.value;
  const found = conversation.found.value;
  const last = messages.at(-1);

  /** Notes where the reader is, reads on where that is near an end, and what has been seen. */
  const look = (): void => {
    const element = list.current;
    // Where the end is about to be shown, no place is noted.
    if (element === null || !started.current || frame.current !== 0) return;
    const drawn = thread.messages.peek();
    const { scrollTop, scrollHeight, clientHeight } = element;
    const { top, bottom } = element.getBoundingClientRect();
    const left = scrollHeight - scrollTop - clientHeight;
    follows.current = left < FOLLOW_PX && !thread.hasLater.value;
    thread.hold(!follows.current);
    atEnd.value = follows.current;
    anchor.current = follows.current ? null : uppermost(drawn, top);
    navigation.keepScroll(anchor.current);
    if (scrollTop < MORE_PX) void thread.earlier();
    if (left < MORE_PX) void thread.later();
    const looks = document.hasFocus() && document.visibilityState === 'visible' && !navigation.hasDialog;
    conversation.isFollowed.value = looks && follows.current;
    if (!looks || conversation.unread.peek() === 0) return;
    // The lowest message of which the end, or half a screenful, is in view.
    const seen = drawn.findLast(({ seq, mine }) => {
      const box = mine ? undefined : elementOf(seq)?.getBoundingClientRect();
      return box !== undefined && (box.bottom <= bottom + 1 || box.top + clientHeight / 2 < bottom);
    });
    if (seen !== undefined) conversation.seenUpTo(seen);
  };

  /** Shows the end, or what was read, where it was. Whether it had to scroll: then an event follows. */
  const settle = (): boolean => {
    const element = list.current;
    if (element === null) return false;
    const before = element.scrollTop;
    const kept = anchor.current === null ? null : elementOf(anchor.current.seq);
    if (follows.current) element.scrollTop = element.scrollHeight;
    else if (kept !== null && anchor.current !== null)
      element.scrollTop += kept.getBoundingClientRect().top - anchor.current.top;
    return element.scrollTop !== before;
  };
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null || last === undefined) return;
    if (started.current && follows.current) {
      // With all else that has changed, the list is laid out once a frame.
      frame.current ||= requestAnimationFrame(() => {
        frame.current = 0;
        if (!settle()) look();
      });
      return;
    }
    const divider = started.current || anchor.current !== null ? null : element.querySelector<HTMLElement>('.new');
    if (divider === null) settle();
    else element.scrollTop += divider.getBoundingClientRect().top - element.getBoundingClientRect().top - ABOVE_NEW_PX;
    started.current = true;
    look();
  }, [messages, firstNew]);
  const endAsked = thread.endAsked.value;
  const endShown = useRef(endAsked);
  useLayoutEffect(() => {
    if (endShown.current === endAsked) return;
    endShown.current = endAsked;
    follows.current = true;
    list.current?.scrollTo(0, list.current.scrollHeight);
    look();
  }, [endAsked]);
  useEffect(() => {
    // A smaller window (a phone's keyboard), and a quote that was read, still show it.
    const observer = new ResizeObserver(settle);
    for (const element of [list.current, list.current?.firstElementChild]) if (element) observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
      conversation.isFollowed.value = false;
    };
  }, []);
  useEffect(() => {
    const gone = new AbortController();
    for (const type of ['focus', 'blur']) window.addEventListener(type, look, gone);
    document.addEventListener('visibilitychange', look, gone);
    return () => gone.abort();
  }, []);
  const { hasDialog } = navigation;
  useEffect(look, [hasDialog]);
  useLayoutEffect(() => {
    const element = found === null || pointedAt.current === found ? null : elementOf(found.seq);
    if (element === null) return;
    pointedAt.current = found;
    follows.current = false;
    element.scrollIntoView({ block: 'center' });
    look();
  }, [found, messages]);

  const step = (event: KeyboardEvent): void => {
    const at = messages.findIndex(({ seq }) => document.activeElement?.closest('article')?.id === `message-${seq}`);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: messages.length - 1 }[event.key];
    if (at === -1 || to === undefined) {
      if (event.key === 'Escape') document.querySelector<HTMLElement>('.composer textarea')?.focus();
      return;
    }
    event.preventDefault();
    const next = messages[to]?.seq;
    if (next === undefined) return;
    reachable.value = next;
    elementOf(next)?.focus();
  };
  const stop = messages.some(({ seq }) => seq === reachable.value) ? reachable.value : last?.seq;
  /** One that has not changed is the same as before: what comes costs no more in a long list. */
  const draw = ({ message, day, isNew, run, ends }: Line): JSX.Element[] => {
    const [isReachable, isFound] = [message.seq === stop, message.seq === found?.seq];
    const starts = run === message.seq;
    const flags = [day, isNew, starts, ends && run, isReachable, isFound].join();
    const before = known.current.get(message);
    if (before?.flags === flags) return before.elements;
    const elements = [
      <Fragment key={message.seq}>
        {day !== null && <p class="date">{day}</p>}
        {isNew && <p class="new">New</p>}
        <MessageView {...{ conversation, message, starts, ends, isReachable, isFound, actions }} />
      </Fragment>,
    ];
    // The run's, not the message's: where the run grows it stays, below what comes.
    if (ends) elements.push(<MessageMeta key={`run ${run}`} message={message} conversation={conversation} />);
    known.current.set(message, { flags, elements });
    return elements;
  };
  /** What comes is compared, laid out and painted with the neighbours in its stretch alone. */
  const drawAll = (): JSX.Element[] => {
    const drawn = new Map<number, Stretch>();
    for (const [place, some] of Map.groupBy(linesOf(messages, firstNew), lineStretch)) {
      const lines = some.flatMap(draw);
      const before = stretches.current.get(place);
      const isSame = before?.lines.length === lines.length && lines.every((line, i) => line === before.lines[i]);
      const element = isSame ? before.element : <div key={place}>{lines}</div>;
      drawn.set(place, { lines, element });
    }
    stretches.current = drawn;
    return Array.from(drawn.values(), ({ element }) => element);
  };
  const unkept = conversation.inbox.unkept.value;
  return (
    <>
      <div ref={list} class="messages" role="log" aria-label="Messages" onScroll={look} onKeyDown={step}>
        <div class="thread">
          {drawAll()}
          {unkept > 0 && (
            <p class="note warn">
              {counted(unkept, 'message')} {unkept === 1 ? 'waits' : 'wait'}: this device is full. They appear here once
              there’s room.
            </p>
          )}
        </div>
      </div>
      {!atEnd.value && <Jump conversation={conversation} />}
    </>
  );
}

function Jump({ conversation }: { conversation: Conversation }) {
  const unread = conversation.unread.value;
  return (
    <button
      type="button"
      class="jump"
      aria-label={unread > 0 ? `Jump to the latest, ${unread} unread` : 'Jump to the latest'}
      onClick={() => void conversation.thread.showEnd()}
    >
      <Icon of={ChevronDown} />
      {unread > 0 && (
        <span class="badge" aria-hidden="true">
          {unread}
        </span>
      )}
    </button>
  );
}
