import { useSignal } from '@preact/signals';
import { CloudOff, MonitorSmartphone, Settings as SettingsIcon, Sparkles } from 'lucide';
import { useEffect } from 'preact/hooks';
import { addressInUrl } from '../address-link.js';
import type { Chat } from '../chat.js';
import { navigation } from '../navigation.js';
import { takeUpdate, updateReady } from '../offline.js';
import { ElsewhereNotice } from './elsewhere-notice.js';
import { Icon } from './icon.js';
import { lazy } from './lazy.js';
import { MyLink } from './my-link.js';
import { Sidebar } from './sidebar.js';
import { OpenedLink, Welcome } from './welcome.js';
import { connectionWords } from './words.js';

// What most do not open at once comes when they do: the first view is there sooner.
const AddContact = lazy(async () => (await import('./add-contact.js')).AddContact);
const ContactPage = lazy(async () => (await import('./contact-page.js')).ContactPage);
const ConversationView = lazy(async () => (await import('./conversation-view.js')).ConversationView);
const RequestView = lazy(async () => (await import('./request-view.js')).RequestView);
const SettingsPage = lazy(async () => (await import('./settings-page.js')).SettingsPage);

export function App({ chat }: { chat: Chat }) {
  const dialog = useSignal<'link' | 'add' | null>(null);
  /** The address in the page's URL, until it is answered: it survives a reload. */
  const opened = useSignal(addressInUrl());
  const close = (): void => {
    dialog.value = null;
  };
  const answered = (): void => {
    opened.value = null;
    history.replaceState(history.state, '', '/');
  };
  useEffect(() => {
    const known = chat.byAddress(opened.value ?? '')?.contact.value;
    if (known?.status !== 'accepted') return;
    answered();
    chat.select(known.id);
  }, [chat]);
  const conversations = chat.conversations.value;
  const { contact, page } = navigation.place.value;
  const selected = conversations.find((conversation) => conversation.contact.value.id === contact);
  const connection = chat.connection.value;
  if (connection.state === 'waiting') return <ElsewhereNotice chat={chat} />;
  const onLink = (): void => {
    dialog.value = 'link';
  };
  const onAdd = (): void => {
    dialog.value = 'add';
  };
  const isFresh = conversations.length === 0 || opened.value !== null;
  const open = selected !== undefined || page === 'settings';
  return (
    <main class={`app ${isFresh && page !== 'settings' ? 'fresh' : open ? 'open' : ''}`}>
      <div class="banners" role="status">
        <Banner chat={chat} />
      </div>
      {isFresh && page !== 'settings' ? (
        <>
          <header class="bar">
            <img class="logo" src="/icon.svg" alt="" />
            <p class="who">SWS chat</p>
            <p
              class={connection.state === 'registered' ? 'visually-hidden' : 'status busy'}
              data-testid="connection-state"
              role="status"
            >
              {connectionWords(connection)}
            </p>
            <button
              type="button"
              class="icon"
              aria-label="Settings"
              title="Settings"
              data-testid="settings"
              onClick={() => chat.showSettings()}
            >
              <Icon of={SettingsIcon} />
            </button>
          </header>
          {opened.value === null ? (
            <Welcome chat={chat} onAdd={onAdd} />
          ) : (
            <OpenedLink chat={chat} address={opened.value} onDone={answered} />
          )}
        </>
      ) : (
        <>
          <Sidebar chat={chat} onLink={onLink} onAdd={onAdd} />
          <div class="stage">
            {page === 'settings' ? (
              <SettingsPage chat={chat} onLink={onLink} />
            ) : selected === undefined ? (
              <div class="centre">
                <p class="faint">Choose a conversation</p>
              </div>
            ) : selected.contact.value.status === 'request' ? (
              <RequestView key={contact} chat={chat} conversation={selected} />
            ) : page === 'about' ? (
              <ContactPage key={contact} chat={chat} conversation={selected} />
            ) : (
              <ConversationView key={contact} chat={chat} conversation={selected} />
            )}
          </div>
        </>
      )}
      <p class={chat.announced.value === '' ? 'visually-hidden' : 'toast'} role="status" data-testid="announcement">
        {chat.announced.value}
      </p>
      {dialog.value === 'link' && <MyLink address={chat.identity.publicKey} onClose={close} />}
      {dialog.value === 'add' && <AddContact chat={chat} onClose={close} />}
    </main>
  );
}

/** What needs the reader, or lasts: one at a time. */
function Banner({ chat }: { chat: Chat }) {
  const { state, failure } = chat.connection.value;
  if (failure === 'replaced')
    return (
      <div class="banner warn">
        <Icon of={MonitorSmartphone} />
        <p>You’re connected on another device. This one is paused.</p>
        <button type="button" class="primary" onClick={() => chat.takeOver()}>
          Use here
        </button>
      </div>
    );
  if (updateReady.value)
    return (
      <div class="banner good">
        <Icon of={Sparkles} />
        <p>A new version is ready.</p>
        <button type="button" class="primary" onClick={takeUpdate}>
          Update
        </button>
      </div>
    );
  if (state === 'reconnecting' || state === 'down')
    return (
      <div class="banner">
        <Icon of={CloudOff} />
        <p>No connection. What you write waits here.</p>
      </div>
    );
  return null;
}
