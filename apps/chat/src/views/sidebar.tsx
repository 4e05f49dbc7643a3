import { useSignal } from '@preact/signals';
import { Plus, QrCode, Search, X } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { ContactStatus } from '../history.js';
import { isOtherPerson } from '../person.js';
import { Avatar } from './avatar.js';
import { Rows } from './contact-rows.js';
import { Icon } from './icon.js';
import { lazy } from './lazy.js';
import { connectionWords } from './words.js';

const NotificationOffer = lazy(async () => (await import('./notification-offer.js')).NotificationOffer);
const SearchResults = lazy(async () => (await import('./search-results.js')).SearchResults);

/** The list of conversations, with the search over all of them. */
export function Sidebar({ chat, onLink, onAdd }: { chat: Chat; onLink: () => void; onAdd: () => void }) {
  const words = useSignal('');
  const connection = chat.connection.value;
  const calm = connection.state === 'registered';
  return (
    <nav class="side" aria-label="Conversations">
      <header class="bar">
        <button
          type="button"
          class="icon"
          title="You and settings"
          data-testid="settings"
          onClick={() => chat.showSettings()}
        >
          <Avatar name={chat.settings.value.name} address={chat.identity.publicKey} size="small" />
          <span class="visually-hidden">You and settings</span>
        </button>
        <div class="who">
          <h1>{isOtherPerson() ? 'Chats, as someone else' : 'Chats'}</h1>
          <p
            class={calm ? 'visually-hidden' : 'status busy'}
            data-state={connection.state}
            data-testid="connection-state"
            role="status"
          >
            {connectionWords(connection)}
          </p>
        </div>
        <button type="button" class="icon" aria-label="My link" title="My link" data-testid="my-link" onClick={onLink}>
          <Icon of={QrCode} />
        </button>
        <button
          type="button"
          class="icon"
          aria-label="Add a contact"
          title="Add a contact"
          data-testid="add-contact"
          onClick={onAdd}
        >
          <Icon of={Plus} />
        </button>
      </header>
      <search class="search">
        <Icon of={Search} />
        <input
          type="text"
          aria-label="Search"
          placeholder="Search"
          dir="auto"
          autocomplete="off"
          value={words.value}
          onInput={(event) => (words.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') words.value = '';
          }}
        />
        {words.value !== '' && (
          <button type="button" class="icon" aria-label="Clear search" onClick={() => (words.value = '')}>
            <Icon of={X} />
          </button>
        )}
      </search>
      <div role="status">{chat.offersNotifications.value && <NotificationOffer chat={chat} />}</div>
      {words.value.trim() === '' ? <Contacts chat={chat} /> : <SearchResults chat={chat} words={words.value.trim()} />}
    </nav>
  );
}

function lastAt({ thread, contact }: Conversation): number {
  return thread.last.value?.at ?? contact.value.addedAt;
}

function Contacts({ chat }: { chat: Chat }) {
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
  const requests = of('request');
  const others = [...of('accepted'), ...of('blocked')];
  return (
    <div class="list">
      {requests.length > 0 && (
        <>
          <h2>
            Requests <span class="badge">{requests.length}</span>
          </h2>
          <Rows chat={chat} conversations={requests} />
        </>
      )}
      {others.length > 0 && (
        <>
          <h2 class="visually-hidden">Conversations</h2>
          <Rows chat={chat} conversations={others} />
        </>
      )}
    </div>
  );
}
