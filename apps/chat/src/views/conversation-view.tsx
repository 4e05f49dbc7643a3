import { useSignal } from '@preact/signals';
import { ArrowLeft, Info } from 'lucide-preact';
import { Fragment } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { Message } from '../history.js';
import { Composer } from './composer.js';
import { ContactDialog, VerifiedMark } from './contact-dialog.js';
import { Confirm } from './dialog.js';
import { MessageView } from './message-view.js';
import { dayOf, nameOf, presenceWords } from './words.js';

/** Nearer to the end than this, in pixels, the view follows what comes. */
const FOLLOW_PX = 120;

export function ConversationView({
  chat,
  conversation,
  label,
}: {
  chat: Chat;
  conversation: Conversation;
  label: string;
}) {
  const details = useSignal(false);
  const removing = useSignal<Message | null>(null);
  const dropping = useSignal(false);
  const contact = conversation.contact.value;
  const heading = useRef<HTMLHeadingElement>(null);
  // On a touch screen the composer would bring the keyboard up, over the messages that one came to read.
  useEffect(() => {
    if (!matchMedia('(hover: hover)').matches) heading.current?.focus();
  }, []);
  const sendFiles = (files: Iterable<File>): void => {
    for (const file of files)
      conversation.sendFile(file).catch(() => chat.announce(`This browser could not keep ${file.name}.`));
  };
  return (
    <section
      class={dropping.value ? 'conversation dropping' : 'conversation'}
      aria-label={label}
      data-testid="conversation"
      onDragOver={(event) => {
        if (contact.status !== 'accepted' || event.dataTransfer?.types.includes('Files') !== true) return;
        event.preventDefault();
        dropping.value = true;
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) dropping.value = false;
      }}
      onDrop={(event) => {
        dropping.value = false;
        if (contact.status !== 'accepted' || event.dataTransfer === null) return;
        event.preventDefault();
        sendFiles(event.dataTransfer.files);
      }}
    >
      <header>
        <button type="button" class="icon back" aria-label="All conversations" onClick={() => chat.select(null)}>
          <ArrowLeft aria-hidden="true" />
        </button>
        <div class="who">
          <h1 ref={heading} tabIndex={-1}>
            <bdi>{nameOf(contact)}</bdi> <VerifiedMark contact={contact} />
          </h1>
          <p class="presence" data-state={conversation.link.presence.value} data-testid="peer-state" role="status">
            {presenceWords(conversation, chat.connection.value)}
          </p>
        </div>
        <button
          type="button"
          class="icon"
          aria-label="Contact details"
          data-testid="details"
          onClick={() => (details.value = true)}
        >
          <Info aria-hidden="true" />
        </button>
      </header>
      <Messages conversation={conversation} onRemove={(message) => (removing.value = message)} />
      {contact.status === 'accepted' ? (
        <Composer conversation={conversation} onFiles={sendFiles} />
      ) : (
        <p class="composer">
          Blocked: nothing comes or goes.{' '}
          <button type="button" class="quiet" onClick={() => void chat.unblock(conversation)}>
            Unblock
          </button>
        </p>
      )}
      {details.value && (
        <ContactDialog chat={chat} conversation={conversation} onClose={() => (details.value = false)} />
      )}
      {removing.value !== null && (
        <Confirm
          title="Delete this message?"
          text={
            removing.value.mine && !removing.value.delivered
              ? 'It has not gone yet, and will not go.'
              : 'It is deleted on this device only.'
          }
          action="Delete"
          onYes={() => removing.value !== null && void conversation.remove(removing.value)}
          onClose={() => (removing.value = null)}
        />
      )}
    </section>
  );
}

function Messages({ conversation, onRemove }: { conversation: Conversation; onRemove: (message: Message) => void }) {
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const messages = conversation.messages.value;
  const lastSeq = messages.at(-1)?.seq;
  const firstSeq = messages[0]?.seq;
  const heightBefore = useRef(0);
  useLayoutEffect(() => {
    if (list.current !== null && follows.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lastSeq]);
  useLayoutEffect(() => {
    if (list.current === null || heightBefore.current === 0) return;
    list.current.scrollTop += list.current.scrollHeight - heightBefore.current;
    heightBefore.current = 0;
  }, [firstSeq]);
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    // A smaller window (a phone's keyboard) still shows the end.
    const observer = new ResizeObserver(() => {
      if (follows.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div
      ref={list}
      class="messages"
      role="log"
      aria-label="Messages"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
      }}
    >
      {conversation.hasEarlier.value && (
        <button
          type="button"
          class="quiet earlier"
          onClick={() => {
            heightBefore.current = list.current?.scrollHeight ?? 0;
            void conversation.loadEarlier();
          }}
        >
          Show earlier messages
        </button>
      )}
      {messages.map((message, index) => {
        const day = dayOf(message.at);
        const before = messages[index - 1];
        return (
          <Fragment key={message.seq}>
            {(before === undefined || dayOf(before.at) !== day) && <p class="day">{day}</p>}
            <MessageView conversation={conversation} message={message} onRemove={() => onRemove(message)} />
          </Fragment>
        );
      })}
    </div>
  );
}
