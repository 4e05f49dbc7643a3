import { useSignal } from '@preact/signals';
import { ArrowLeft, Copy, Info, Reply, ShieldCheck, Trash2 } from 'lucide';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import { type Message, nameOf } from '../history.js';
import { Avatar } from './avatar.js';
import { Composer } from './composer.js';
import { Confirm, Dialog } from './dialog.js';
import { Icon } from './icon.js';
import { lazy } from './lazy.js';
import { MessageList } from './message-list.js';
import { presenceWords, trustOf } from './words.js';

const PreviewDialog = lazy(async () => (await import('./preview-dialog.js')).PreviewDialog);

export function ConversationView({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const outgoing = useSignal<readonly File[]>([]);
  const removing = useSignal<Message | null>(null);
  const menu = useSignal<Message | null>(null);
  const dropping = useSignal(false);
  const contact = conversation.contact.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const name = nameOf(contact);
  const online = conversation.link.presence.value === 'online';
  // On a touch screen the composer would bring the keyboard up, over the messages that one came to read.
  useEffect(() => {
    if (!matchMedia('(hover: hover)').matches) heading.current?.focus();
  }, []);
  const send = async (files: readonly File[], caption: string): Promise<void> => {
    for (const { name } of await conversation.sendFiles(files, caption))
      chat.announce(`${name} was not sent: it can no longer be read, or this browser has no space left.`);
  };
  const copy = async ({ text }: Message): Promise<void> => {
    await navigator.clipboard.writeText(text).then(
      () => chat.announce('Copied'),
      () => chat.announce('This browser doesn’t let the page copy.'),
    );
  };
  /** The focus goes to the neighbour of what is deleted. */
  const remove = async (message: Message, run: () => Promise<void>): Promise<void> => {
    const all = conversation.thread.messages.value;
    const at = all.findIndex(({ seq }) => seq === message.seq);
    const neighbour = all[at + 1] ?? all[at - 1];
    await run();
    const next = neighbour === undefined ? null : document.getElementById(`message-${neighbour.seq}`);
    (next ?? document.querySelector<HTMLElement>('.composer textarea'))?.focus();
  };
  // The same ones each time: else each change around the list would draw it anew.
  const actions = useMemo(
    () => ({
      onReply: (message: Message) => (conversation.replyTo.value = message),
      onCopy: (message: Message) => void copy(message),
      onDelete: (message: Message) => (removing.value = message),
      onMenu: (message: Message) => (menu.value = message),
    }),
    [conversation],
  );
  const chosen = menu.value;
  const doomed = removing.value;
  return (
    <section
      class={dropping.value ? 'conversation dropping' : 'conversation'}
      aria-label={`Conversation with ${name}`}
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
        outgoing.value = Array.from(event.dataTransfer.files);
      }}
    >
      <header class="bar">
        <button type="button" class="icon back" aria-label="All conversations" onClick={() => chat.select(null)}>
          <Icon of={ArrowLeft} />
        </button>
        <Avatar name={contact.name} address={contact.address} size="small" online={online} />
        <div class="who">
          <h1 ref={heading} tabIndex={-1}>
            <bdi class="one-line">{name}</bdi>
            {trustOf(contact) === 'verified' && <Icon of={ShieldCheck} label="Verified" />}
          </h1>
          <p class="one-line" data-state={conversation.link.presence.value} data-testid="peer-state" role="status">
            {presenceWords(conversation, chat.connection.value)}
          </p>
        </div>
        <button
          type="button"
          class="icon"
          aria-label={`About ${name}`}
          title={`About ${name}`}
          data-testid="details"
          onClick={() => chat.about(contact.id)}
        >
          <Icon of={Info} />
        </button>
      </header>
      <MessageList conversation={conversation} actions={actions} />
      {contact.status === 'accepted' ? (
        <Composer conversation={conversation} onFiles={(files) => (outgoing.value = files)} />
      ) : (
        <div class="composer">
          <p class="note">
            Blocked: no messages come or go.{' '}
            <button type="button" onClick={() => void chat.unblock(conversation)}>
              Unblock
            </button>
          </p>
        </div>
      )}
      {outgoing.value.length > 0 && (
        <PreviewDialog
          name={name}
          files={outgoing.value}
          onSend={(files, caption) => {
            send(files, caption).catch(() => chat.announce('The files were not sent: this browser has no space left.'));
          }}
          onClose={() => (outgoing.value = [])}
        />
      )}
      {chosen !== null && (
        <Dialog title="Message" onClose={() => (menu.value = null)}>
          <div class="menu">
            {[
              { words: 'Reply', icon: Reply, run: actions.onReply },
              { words: 'Copy', icon: Copy, run: actions.onCopy },
              { words: 'Delete…', icon: Trash2, run: actions.onDelete },
            ].map(({ words, icon, run }) => (
              <button
                key={words}
                type="button"
                onClick={() => {
                  menu.value = null;
                  run(chosen);
                }}
              >
                <Icon of={icon} /> {words}
              </button>
            ))}
          </div>
        </Dialog>
      )}
      {doomed !== null && (
        <Confirm
          title="Delete this message?"
          text={deleteWords(doomed, name)}
          actions={[
            { words: 'Delete here', run: () => void remove(doomed, () => conversation.remove(doomed)) },
            ...(doomed.mine && contact.status === 'accepted'
              ? [{ words: 'Delete for both', run: () => void remove(doomed, () => conversation.retract(doomed)) }]
              : []),
          ]}
          onClose={() => (removing.value = null)}
        />
      )}
    </section>
  );
}

function deleteWords({ mine, delivered }: Message, name: string): string {
  if (!mine) return 'It is deleted on this device only.';
  if (!delivered) return 'If it hasn’t been sent yet, it won’t be sent.';
  return `${name}’s app deletes it too once you’re both online, but ${name} may have copied it.`;
}
