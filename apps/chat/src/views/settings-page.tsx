import { useSignal } from '@preact/signals';
import { ArrowLeft, ChevronRight } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { shortAddress } from '../address-link.js';
import type { Chat } from '../chat.js';
import { MAX_PERSON_NAME_LENGTH } from '../chat-protocol.js';
import { moveToNewAddress, startOver } from '../person.js';
import type { Settings } from '../settings.js';
import { BackUp, Restore } from './backup-dialogs.js';
import { Confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Switch } from './switch.js';
import { Privacy } from './welcome.js';
import { counted, sizeWords } from './words.js';

type Choice = { readonly [K in keyof Settings]: Settings[K] extends boolean ? K : never }[keyof Settings];

/** Who one is here, and how the page behaves; what can't be undone comes last. */
export function SettingsPage({ chat, onLink }: { chat: Chat; onLink: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const dialog = useSignal<'backup' | 'restore' | 'move' | 'delete' | null>(null);
  const close = (): void => {
    dialog.value = null;
  };
  const settings = chat.settings.value;
  const contacts = chat.conversations.value.filter(({ contact }) => contact.value.status === 'accepted').length;
  return (
    <section class="conversation" aria-label="Settings">
      <header class="bar">
        <button type="button" class="icon" aria-label="All conversations" onClick={() => chat.select(null)}>
          <Icon of={ArrowLeft} />
        </button>
        <h1 ref={heading} tabIndex={-1} class="who">
          Settings
        </h1>
      </header>
      <div class="page">
        <Section title="You">
          <label class="item">
            <span>
              Your name<small>Sent to people you ask to talk to. They can give you another name.</small>
            </span>
            <input
              value={settings.name}
              maxLength={MAX_PERSON_NAME_LENGTH}
              autocomplete="off"
              dir="auto"
              onChange={(event) => void chat.set({ name: event.currentTarget.value.trim() })}
            />
          </label>
          <button type="button" class="item" onClick={onLink}>
            <span>
              My link
              <small>
                <code data-testid="own-address">{shortAddress(chat.identity.publicKey)}</code>
              </small>
            </span>
            <Icon of={ChevronRight} />
          </button>
        </Section>
        <Section title="Notifications">
          <Switch
            words="Show notifications"
            hint="While this page is open, also in the background. Not when it’s closed."
            on={settings.notifications}
            onChange={(on) => void chat.letNotify(on)}
          />
          <Choose chat={chat} choice="notificationText" words="Show message text" />
        </Section>
        <Section title="Privacy">
          <Choose
            chat={chat}
            choice="receipts"
            words="Read receipts"
            hint="Others see what you’ve seen. If off, you don’t see theirs."
          />
          <Choose chat={chat} choice="typing" words="Typing indicators" />
          <div class="item">
            <Privacy />
          </div>
        </Section>
        <Section title="Storage and backup">
          <Usage />
          <div class="item">
            <p>
              Backup<small>Identity, contacts and messages, sealed with a passphrase. No files.</small>
            </p>
            <button type="button" onClick={() => (dialog.value = 'backup')}>
              Save backup…
            </button>
          </div>
          <button type="button" class="item" onClick={() => (dialog.value = 'restore')}>
            <span>Restore a backup…</span>
            <Icon of={ChevronRight} />
          </button>
        </Section>
        <Section title="What can’t be undone">
          <button type="button" class="item grave" data-testid="move" onClick={() => (dialog.value = 'move')}>
            <span>
              Take a new address…<small>Your contacts are told, with the old address’s signature.</small>
            </span>
          </button>
          <button type="button" class="item grave" data-testid="start-over" onClick={() => (dialog.value = 'delete')}>
            <span>Delete identity…</span>
          </button>
        </Section>
      </div>
      {dialog.value === 'backup' && <BackUp chat={chat} onClose={close} />}
      {dialog.value === 'restore' && <Restore chat={chat} onClose={close} />}
      {dialog.value === 'move' && (
        <Confirm
          title="Take a new address?"
          text="The contacts stay, and learn the new address when both of you are online. Messages and files are erased, and the old address is gone."
          actions={[
            {
              words: 'Take a new address',
              run: () => void moveToNewAddress(chat.identity, chat.history, () => chat.close()).then(begin),
            },
          ]}
          onClose={close}
        />
      )}
      {dialog.value === 'delete' && (
        <Confirm
          title="Delete your identity?"
          text={`Your address, ${counted(contacts, 'contact')} and all messages are erased from this browser. Nobody can reach you at this address again, unless you have a backup.`}
          actions={[
            {
              words: 'Delete identity',
              run: () => void startOver(chat.identity, () => chat.close()).then(begin),
            },
          ]}
          onClose={close}
        />
      )}
    </section>
  );
}

/** Somebody else is at home here: the page begins anew, at its beginning. */
function begin(): void {
  history.replaceState(null, '', '/');
  location.reload();
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section>
      <h2>{title}</h2>
      <div class="group">{children}</div>
    </section>
  );
}

function Choose({ chat, choice, ...props }: { chat: Chat; choice: Choice; words: string; hint?: string }) {
  return <Switch {...props} on={chat.settings.value[choice]} onChange={(on) => void chat.set({ [choice]: on })} />;
}

function Usage() {
  const bytes = useSignal<number | null>(null);
  useEffect(() => {
    void navigator.storage?.estimate?.().then(({ usage }) => {
      bytes.value = usage ?? null;
    });
  }, []);
  return (
    <div class="item">
      <p>
        {bytes.value === null ? 'On this device' : `${sizeWords(bytes.value)} on this device`}
        <small>Everything is stored in this browser only.</small>
      </p>
    </div>
  );
}
