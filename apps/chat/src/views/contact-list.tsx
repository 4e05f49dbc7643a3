import { useEffect, useRef } from 'preact/hooks';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { ContactStatus } from '../history.js';
import { nameOf, timeOf } from './words.js';

/** The conversations, the latest first; strangers who ask, and the blocked, apart. */
export function ContactList({ chat }: { chat: Chat }) {
  const of = (status: ContactStatus): Conversation[] =>
    chat.conversations.value
      .filter(({ contact }) => contact.value.status === status)
      .sort((a, b) => lastAt(b) - lastAt(a));
  const selected = chat.selected.value;
  const before = useRef(selected);
  useEffect(() => {
    // Who comes back from a conversation stands where they left.
    if (selected === null && before.current !== null) document.getElementById(`contact-${before.current}`)?.focus();
    before.current = selected;
  }, [selected]);
  const [requests, accepted, blocked] = [of('request'), of('accepted'), of('blocked')];
  return (
    <nav aria-label="Conversations">
      {requests.length > 0 && (
        <>
          <h2>Requests</h2>
          <List chat={chat} conversations={requests} />
        </>
      )}
      {accepted.length > 0 && <List chat={chat} conversations={accepted} />}
      {blocked.length > 0 && (
        <details>
          <summary>Blocked ({blocked.length})</summary>
          <List chat={chat} conversations={blocked} />
        </details>
      )}
    </nav>
  );
}

function lastAt({ last, contact }: Conversation): number {
  return last.value?.at ?? contact.value.addedAt;
}

function preview({ contact, last, typing }: Conversation): string {
  if (contact.value.status === 'request') return 'wants to talk to you';
  if (typing.value) return 'writing …';
  if (last.value === null) return '';
  const { mine, file, text } = last.value;
  return `${mine ? 'You: ' : ''}${file === null ? text.slice(0, 100) : file.name}`;
}

function List({ chat, conversations }: { chat: Chat; conversations: readonly Conversation[] }) {
  return (
    <ul class="contacts">
      {conversations.map((conversation) => {
        const contact = conversation.contact.value;
        const { last, unread, link } = conversation;
        const online = link.presence.value === 'online';
        return (
          <li key={contact.id}>
            <button
              type="button"
              id={`contact-${contact.id}`}
              data-testid="contact"
              aria-current={contact.id === chat.selected.value}
              onClick={() => chat.select(contact.id)}
            >
              <span class={online ? 'avatar online' : 'avatar'} aria-hidden="true">
                {Array.from(nameOf(contact))[0]}
              </span>
              <span class="name">
                <bdi>{nameOf(contact)}</bdi>
                {online && <span class="visually-hidden">, online</span>}
              </span>
              <time>{last.value === null ? '' : timeOf(last.value.at)}</time>
              <span class="preview">
                <bdi>{preview(conversation)}</bdi>
              </span>
              {unread.value > 0 && (
                <span class="unread">
                  {unread.value}
                  <span class="visually-hidden"> unread</span>
                </span>
              )}
            </button>
          </li>
        );
      })}
    </ul>
  );
}
