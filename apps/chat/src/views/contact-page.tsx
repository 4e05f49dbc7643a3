import { useSignal } from '@preact/signals';
import { fingerprint } from '@sws/client';
import { ArrowLeft, Copy, ShieldAlert, ShieldCheck, ShieldQuestionMark } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { linkTo, shortAddress } from '../address-link.js';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import { nameOf } from '../history.js';
import { Avatar } from './avatar.js';
import { Confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Switch } from './switch.js';
import { trustOf } from './words.js';

const MARKS = { verified: ShieldCheck, changed: ShieldAlert, 'not verified': ShieldQuestionMark } as const;

/** Who a contact is, and what can be done about it. */
export function ContactPage({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const contact = conversation.contact.value;
  const name = nameOf(contact);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const asking = useSignal<'block' | 'clear' | 'remove' | null>(null);
  const trust = trustOf(contact);
  const mark = MARKS[trust];
  const back = (): void => chat.select(contact.id);
  const copy = (): void => {
    navigator.clipboard.writeText(linkTo(contact.address)).then(
      () => chat.announce('Copied'),
      () => chat.announce('This browser doesn’t let the page copy.'),
    );
  };
  const questions = {
    block: {
      title: `Block ${name}?`,
      text: 'No messages come or go until you unblock them. They are not told.',
      words: 'Block',
      run: () => void chat.block(conversation),
    },
    clear: {
      title: 'Delete all messages?',
      text: 'All messages and files of this conversation are deleted on this device. The contact stays.',
      words: 'Delete messages',
      run: () => void conversation.clear(),
    },
    remove: {
      title: `Remove ${name}?`,
      text: 'The contact, all messages and files are deleted on this device. They can ask to talk to you again.',
      words: 'Remove',
      run: () => void chat.remove(conversation),
    },
  } as const;
  const question = asking.value === null ? null : questions[asking.value];
  return (
    <section class="conversation" aria-label={`About ${name}`}>
      <header class="bar">
        <button type="button" class="icon" aria-label="Back to the conversation" onClick={back}>
          <Icon of={ArrowLeft} />
        </button>
        <h1 ref={heading} tabIndex={-1} class="who one-line">
          About <bdi>{name}</bdi>
        </h1>
      </header>
      <div class="page">
        <div class="profile">
          <Avatar name={contact.name} address={contact.address} size="large" />
          <h2 dir="auto">{name}</h2>
          <p class="hint">
            <code>{contact.address}</code>
          </p>
          {conversation.introduction.value.name !== '' && (
            <p class="hint">
              They call themselves <bdi>“{conversation.introduction.value.name}”</bdi>
            </p>
          )}
        </div>
        <section>
          <h2>Name</h2>
          <div class="group">
            <label class="item">
              <span>Your name for them</span>
              <input
                data-testid="contact-name"
                value={contact.name}
                maxLength={60}
                autocomplete="off"
                dir="auto"
                onChange={(event) => void conversation.change({ name: event.currentTarget.value.trim() })}
              />
            </label>
          </div>
        </section>
        <section>
          <h2>Security number</h2>
          <div class="group">
            <div class="item">
              <p class="number" data-testid="fingerprint">
                {fingerprint(chat.identity.publicKey, contact.address)}
              </p>
            </div>
            <div class="item">
              <p class={`trust ${trust === 'changed' ? 'error' : ''}`}>
                <span data-testid="trust">
                  <Icon of={mark} />
                  {trust}
                </span>
                <small>
                  {trust === 'changed'
                    ? `You knew ${name} under another key (${shortAddress(contact.formerly ?? '')}). Compare the number again.`
                    : 'Read it to each other. If it’s the same, nobody is in between.'}
                </small>
              </p>
              <button
                type="button"
                class={contact.verified ? '' : 'primary'}
                data-testid={contact.verified ? 'unverify' : 'verify'}
                onClick={() => void conversation.change({ verified: !contact.verified })}
              >
                {contact.verified ? 'Not verified after all' : 'It’s the same'}
              </button>
            </div>
          </div>
        </section>
        <section>
          <h2>Conversation</h2>
          <div class="group">
            <Switch
              words="Mute"
              hint="No notification, no count in the title."
              on={contact.muted}
              onChange={(muted) => void conversation.change({ muted })}
            />
            <button type="button" class="item" onClick={copy}>
              <span>Copy their link</span>
              <Icon of={Copy} />
            </button>
          </div>
        </section>
        <section aria-label="What can’t be undone">
          <div class="group">
            {contact.status === 'accepted' && (
              <button type="button" class="item grave" data-testid="block" onClick={() => (asking.value = 'block')}>
                <span>Block {name}…</span>
              </button>
            )}
            <button type="button" class="item grave" onClick={() => (asking.value = 'clear')}>
              <span>Delete all messages…</span>
            </button>
            <button
              type="button"
              class="item grave"
              data-testid="remove-contact"
              onClick={() => (asking.value = 'remove')}
            >
              <span>Remove {name}…</span>
            </button>
          </div>
        </section>
      </div>
      {question !== null && (
        <Confirm
          title={question.title}
          text={question.text}
          actions={[
            {
              words: question.words,
              run: () => {
                back();
                question.run();
              },
            },
          ]}
          onClose={() => (asking.value = null)}
        />
      )}
    </section>
  );
}
