import { useSignal } from '@preact/signals';
import { QrCode, ShieldCheck, UserPlus, UserRound } from 'lucide-preact';
import { useEffect } from 'preact/hooks';
import { addressInUrl } from '../address-link.js';
import type { Chat } from '../chat.js';
import { isOtherPerson } from '../person.js';
import { AddContact } from './add-contact.js';
import { ContactList } from './contact-list.js';
import { ConversationView } from './conversation-view.js';
import { IdentityDialog } from './identity-dialog.js';
import { MyLink } from './my-link.js';
import { ElsewhereNotice } from './notices.js';
import { RequestView } from './request-view.js';
import { connectionWords, nameOf } from './words.js';

type OpenDialog = { readonly type: 'link' | 'identity' } | { readonly type: 'add'; readonly address: string } | null;

export function App({ chat }: { chat: Chat }) {
  const dialog = useSignal<OpenDialog>(null);
  const close = (): void => {
    dialog.value = null;
  };
  useEffect(() => {
    const address = addressInUrl();
    if (address === null) return;
    const known = chat.byAddress(address)?.contact.value;
    if (address === chat.identity.publicKey) dialog.value = { type: 'link' };
    else if (known?.status === 'accepted') chat.select(known.id);
    else dialog.value = { type: 'add', address };
    history.replaceState(null, '', '/');
  }, [chat, dialog]);
  const unread = chat.conversations.value.reduce((sum, conversation) => sum + conversation.unread.value, 0);
  useEffect(() => {
    document.title = unread === 0 ? 'SWS chat' : `(${unread}) SWS chat`;
  }, [unread]);
  const selected = chat.conversations.value.find(({ contact }) => contact.value.id === chat.selected.value);
  const connection = chat.connection.value;
  if (connection.state === 'waiting') return <ElsewhereNotice chat={chat} />;
  return (
    <main class={`app ${selected !== undefined ? 'talking' : chat.conversations.value.length === 0 ? 'fresh' : ''}`}>
      <div class="side">
        <header class="top">
          <h1>{isOtherPerson() ? 'SWS chat, as someone else' : 'SWS chat'}</h1>
          <button
            type="button"
            class="icon"
            aria-label="You"
            title="You"
            onClick={() => (dialog.value = { type: 'identity' })}
          >
            <UserRound aria-hidden="true" />
          </button>
        </header>
        <p class="connection" data-state={connection.state} data-testid="connection-state" role="status">
          {connectionWords(connection)}
        </p>
        {connection.failure === 'replaced' && (
          <button type="button" onClick={() => chat.takeOver()}>
            Use here
          </button>
        )}
        <div class="actions side-actions">
          <button type="button" data-testid="my-link" onClick={() => (dialog.value = { type: 'link' })}>
            <QrCode aria-hidden="true" size={18} /> My link
          </button>
          <button type="button" data-testid="add-contact" onClick={() => (dialog.value = { type: 'add', address: '' })}>
            <UserPlus aria-hidden="true" size={18} /> Add contact
          </button>
        </div>
        <ContactList chat={chat} />
      </div>
      <div class="stage">
        {selected === undefined ? (
          <Welcome />
        ) : selected.contact.value.status === 'request' ? (
          <RequestView key={selected.contact.value.id} chat={chat} conversation={selected} />
        ) : (
          <ConversationView
            key={selected.contact.value.id}
            chat={chat}
            conversation={selected}
            label={`Conversation with ${nameOf(selected.contact.value)}`}
          />
        )}
      </div>
      <p class={chat.announced.value === '' ? 'toast' : 'toast shown'} role="status" data-testid="announcement">
        {chat.announced.value}
      </p>
      {dialog.value?.type === 'link' && <MyLink address={chat.identity.publicKey} onClose={close} />}
      {dialog.value?.type === 'add' && <AddContact chat={chat} address={dialog.value.address} onClose={close} />}
      {dialog.value?.type === 'identity' && <IdentityDialog chat={chat} onClose={close} />}
    </main>
  );
}

function Welcome() {
  return (
    <div class="notice">
      <ShieldCheck size={40} aria-hidden="true" />
      <h2>Talk to someone</h2>
      <p>
        Send someone your link, or add them by theirs. What you write is encrypted in this window and decrypted in
        theirs: the relay in between can’t read it, and keeps nothing.
      </p>
      <p class="hint">
        Whoever serves a page’s script could read what the page reads. You trust the host of this page; to trust nobody,
        host the page yourself.
      </p>
    </div>
  );
}
