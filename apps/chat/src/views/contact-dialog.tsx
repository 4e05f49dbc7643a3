import { useSignal } from '@preact/signals';
import { fingerprint } from '@sws/crypto';
import { ShieldAlert, ShieldCheck, ShieldQuestionMark } from 'lucide-preact';
import { shortAddress } from '../address-link.js';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import type { Contact } from '../history.js';
import { Confirm, Dialog } from './dialog.js';
import { nameOf } from './words.js';

/** A key never changes under one address; `changed` means that this name stood for another address before. */
export function trustOf({ verified, formerly }: Contact): 'verified' | 'changed' | 'not verified' {
  if (verified) return 'verified';
  return formerly === null ? 'not verified' : 'changed';
}

const MARKS = { verified: ShieldCheck, changed: ShieldAlert, 'not verified': ShieldQuestionMark } as const;

export function VerifiedMark({ contact }: { contact: Contact }) {
  const trust = trustOf(contact);
  const Mark = MARKS[trust];
  return (
    <span class="trust" data-trust={trust} data-testid="trust">
      <Mark aria-hidden="true" size={16} /> {trust}
    </span>
  );
}

/** Who a contact is, and what can be done about it. */
export function ContactDialog(props: { chat: Chat; conversation: Conversation; onClose: () => void }) {
  const { chat, conversation, onClose } = props;
  const contact = conversation.contact.value;
  const name = useSignal(contact.name);
  const asking = useSignal<'clear' | 'remove' | null>(null);
  const trust = trustOf(contact);
  const save = (event: Event): void => {
    event.preventDefault();
    void conversation.change({ name: name.value.trim() });
    onClose();
  };
  return (
    <Dialog title="Contact" onClose={onClose}>
      <form onSubmit={save}>
        <label>
          Your name for them
          <input
            data-testid="contact-name"
            value={name.value}
            maxLength={60}
            autocomplete="off"
            placeholder={shortAddress(contact.address)}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <p class="actions">
          <button type="submit" class="quiet">
            Save name
          </button>
        </p>
      </form>
      <h3>
        Security number: <VerifiedMark contact={contact} />
      </h3>
      {trust === 'changed' && (
        <p role="alert">
          You knew {nameOf(contact)} under another key ({shortAddress(contact.formerly ?? '')}). Compare the number
          anew.
        </p>
      )}
      <p>
        Both of you see this number. Read it to each other, in person or on the phone: if it is the same, nobody is in
        between.
      </p>
      <p class="fingerprint" data-testid="fingerprint">
        {fingerprint(chat.identity.publicKey, contact.address)}
      </p>
      <p class="actions">
        {contact.verified ? (
          <button
            type="button"
            class="quiet"
            data-testid="unverify"
            onClick={() => void conversation.change({ verified: false })}
          >
            Not verified after all
          </button>
        ) : (
          <button type="button" data-testid="verify" onClick={() => void conversation.change({ verified: true })}>
            The numbers are the same
          </button>
        )}
      </p>
      <h3>Address</h3>
      <p class="address">
        <code>{contact.address}</code>
      </p>
      <p class="actions">
        <button type="button" class="quiet" onClick={() => (asking.value = 'clear')}>
          Delete messages
        </button>
        <button type="button" class="quiet" data-testid="remove-contact" onClick={() => (asking.value = 'remove')}>
          Remove contact
        </button>
        {contact.status === 'accepted' && (
          <button
            type="button"
            class="danger"
            data-testid="block"
            onClick={() => {
              onClose();
              void chat.block(conversation);
            }}
          >
            Block
          </button>
        )}
      </p>
      {asking.value !== null && (
        <Confirm
          title={asking.value === 'clear' ? 'Delete all messages?' : 'Remove this contact?'}
          text={`All messages and files of this conversation are deleted on this device. ${asking.value === 'clear' ? 'The contact stays.' : 'They can ask to talk to you again.'}`}
          action={asking.value === 'clear' ? 'Delete messages' : 'Remove'}
          onYes={() => {
            onClose();
            void (asking.value === 'clear' ? conversation.clear() : chat.remove(conversation));
          }}
          onClose={() => (asking.value = null)}
        />
      )}
    </Dialog>
  );
}
