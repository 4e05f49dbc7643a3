import { Ban, BellOff, File as FileIcon, ShieldCheck, TriangleAlert } from 'lucide';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import { Avatar, Name } from './avatar.js';
import { Icon } from './icon.js';
import { shortDayOf, trustOf } from './words.js';

export function Rows({ chat, conversations }: { chat: Chat; conversations: readonly Conversation[] }) {
  return (
    <ul>
      {conversations.map((conversation) => (
        <li key={conversation.contact.value.id}>
          <Row chat={chat} conversation={conversation} />
        </li>
      ))}
    </ul>
  );
}

function Row({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const contact = conversation.contact.value;
  const unread = conversation.count.value;
  const last = conversation.thread.last;
  const online = conversation.link.presence.value === 'online';
  const asks = contact.status === 'request';
  const trust = trustOf(contact);
  return (
    <button
      type="button"
      class={asks || (unread > 0 && !contact.muted) ? 'row unread' : 'row'}
      id={`contact-${contact.id}`}
      data-testid="contact"
      aria-current={contact.id === chat.selected.value ? 'true' : undefined}
      onClick={() => chat.select(contact.id)}
    >
      <Avatar name={contact.name} address={contact.address} online={online} />
      <span class="name one-line">
        <Name contact={contact} says={asks ? conversation.introduction.value.name : ''} />
        {online && <span class="visually-hidden">, online</span>}
        {trust === 'verified' && <Icon of={ShieldCheck} label="Verified" />}
        {trust === 'changed' && <Icon of={TriangleAlert} label="Changed" />}
        {contact.muted && <Icon of={BellOff} label="Muted" />}
        {contact.status === 'blocked' && <Icon of={Ban} label="Blocked" />}
      </span>
      <time>{last.value === null ? '' : shortDayOf(last.value.at)}</time>
      <span class="line">
        <span class="preview one-line" dir="auto">
          <Preview conversation={conversation} />
        </span>
        {unread > 0 && (
          <span class={contact.muted ? 'badge muted' : 'badge'}>
            {unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </span>
    </button>
  );
}

function Preview({ conversation }: { conversation: Conversation }) {
  const { contact, typing, draft } = conversation;
  const last = conversation.thread.last;
  if (contact.value.status === 'request') return <>wants to talk to you</>;
  if (contact.value.status === 'blocked') return <>Blocked</>;
  if (typing.shown.value) return <>writing…</>;
  if (draft.text.value !== '' && last.value?.mine !== false) return <>Draft: {draft.text.value.slice(0, 100)}</>;
  if (last.value === null) return null;
  const { mine, file, text } = last.value;
  if (file === null) return <>{`${mine ? 'You: ' : ''}${text.slice(0, 100)}`}</>;
  return (
    <>
      <Icon of={FileIcon} />
      {text === '' ? file.name : text.slice(0, 100)}
    </>
  );
}
