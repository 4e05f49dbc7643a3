import { useSignal } from '@preact/signals';
import { Check, CheckCheck, Clock, Copy, Reply, Trash2 } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import type { Conversation } from '../conversation.js';
import type { Message } from '../history.js';
import { FileView } from './file-view.js';
import { Icon } from './icon.js';
import { isEmojiOnly, MessageText } from './message-text.js';
import { type Tick, tickOf, timeOf } from './words.js';

const LONG_PRESS_MS = 500;
const TICKS: Record<Tick, { readonly icon: typeof Check; readonly words: string }> = {
  queued: { icon: Clock, words: 'Waiting: sent when you’re both online' },
  sent: { icon: Check, words: 'Sent' },
  delivered: { icon: CheckCheck, words: 'Delivered' },
  seen: { icon: CheckCheck, words: 'Seen' },
};

/** Under the last message of a run: its time and, of ours, how far it has come. */
export function MessageMeta({ message, conversation }: { message: Message; conversation: Conversation }) {
  return (
    <p class={message.mine ? 'meta mine' : 'meta'}>
      <time dateTime={new Date(message.at).toISOString()}>{timeOf(message.at)}</time>
      {message.mine && <TickMark message={message} conversation={conversation} />}
    </p>
  );
}

function TickMark({ message, conversation }: { message: Message; conversation: Conversation }) {
  const tick = tickOf(message, conversation);
  const { icon, words } = TICKS[tick];
  return (
    <span class={`tick ${tick}`} role="img" aria-label={words} title={words}>
      <Icon of={icon} />
    </span>
  );
}

/** What a reply answers. */
export function Quote({ message, conversation }: { message: Message; conversation: Conversation }) {
  return (
    <span>
      <b>{message.mine ? 'You' : conversation.name.value}</b>
      <span class="one-line" dir="auto">
        {message.text.slice(0, 200) || (message.file?.name ?? '')}
      </span>
    </span>
  );
}

function QuoteOf({ id, conversation }: { id: string; conversation: Conversation }) {
  const quoted = useSignal<Message | null>(null);
  useEffect(() => {
    let gone = false;
    void conversation.thread.byId(id).then((message) => {
      if (!gone) quoted.value = message;
    });
    return () => {
      gone = true;
    };
  }, [id]);
  return (
    <div class="quote">
      {quoted.value === null ? (
        <span class="one-line">A message that is no longer here</span>
      ) : (
        <Quote message={quoted.value} conversation={conversation} />
      )}
    </div>
  );
}

export interface MessageActions {
  readonly onReply: (message: Message) => void;
  readonly onCopy: (message: Message) => void;
  readonly onDelete: (message: Message) => void;
  /** A finger that stays, or Enter: the same three, as a sheet. */
  readonly onMenu: (message: Message) => void;
}

export interface MessageProps {
  readonly conversation: Conversation;
  readonly message: Message;
  /** Whether it is the first, and the last, of its run. */
  readonly starts: boolean;
  readonly ends: boolean;
  /** Whether Tab reaches it. */
  readonly isReachable: boolean;
  /** It was looked for. */
  readonly isFound: boolean;
  readonly actions: MessageActions;
}

export function MessageView({ conversation, message, actions, ...props }: MessageProps) {
  const press = useRef<ReturnType<typeof setTimeout>>();
  /** Whether somebody points at it, or the focus is on it. */
  const active = useSignal(false);
  const release = (): void => clearTimeout(press.current);
  const { mine, file, text } = message;
  const kind = file !== null ? 'with-file' : isEmojiOnly(text) ? 'only-emoji' : '';
  const flags = [mine && 'mine', props.starts && 'starts', props.ends && 'ends', props.isFound && 'found'];
  return (
    <article
      class={['bubble', kind, ...flags].filter(Boolean).join(' ')}
      id={`message-${message.seq}`}
      aria-label={`${mine ? 'You' : conversation.name.value}, ${timeOf(message.at)}`}
      tabIndex={props.isReachable ? 0 : -1}
      data-testid="message"
      data-from={mine ? 'me' : 'peer'}
      data-state={mine ? tickOf(message, conversation) : 'received'}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.target !== event.currentTarget) return;
        // Else the same Enter would press the sheet's first button.
        event.preventDefault();
        actions.onMenu(message);
      }}
      onPointerEnter={({ pointerType }) => {
        active.value = pointerType === 'mouse';
      }}
      onPointerLeave={() => {
        active.value = false;
      }}
      onFocus={() => {
        active.value = true;
      }}
      onBlur={() => {
        active.value = false;
      }}
      onTouchStart={() => {
        press.current = setTimeout(() => actions.onMenu(message), LONG_PRESS_MS);
      }}
      onTouchEnd={release}
      onTouchMove={release}
      onTouchCancel={release}
    >
      {message.reply !== null && <QuoteOf id={message.reply} conversation={conversation} />}
      {file !== null && <FileView conversation={conversation} message={message} file={file} />}
      {text !== '' && <MessageText text={text} />}
      {active.value && (
        <span class="tools">
          <Tool label="Reply" icon={Reply} onClick={() => actions.onReply(message)} />
          {text !== '' && <Tool label="Copy" icon={Copy} onClick={() => actions.onCopy(message)} />}
          <Tool label="Delete" icon={Trash2} onClick={() => actions.onDelete(message)} />
        </span>
      )}
    </article>
  );
}

function Tool({ label, icon, onClick }: { label: string; icon: typeof Copy; onClick: () => void }) {
  return (
    <button type="button" class="icon" aria-label={label} title={label} tabIndex={-1} onClick={onClick}>
      <Icon of={icon} />
    </button>
  );
}
