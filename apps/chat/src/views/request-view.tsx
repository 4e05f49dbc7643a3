import { useSignal } from '@preact/signals';
import { ArrowLeft } from 'lucide';
import { useEffect } from 'preact/hooks';
import { shortAddress } from '../address-link.js';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import { nameOf } from '../history.js';
import { Avatar } from './avatar.js';
import { Icon } from './icon.js';
import { NameField } from './name-field.js';

/** Somebody unknown asks to talk. What they say of themselves is shown; nothing of theirs is kept before the answer. */
export function RequestView({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const { address, formerly } = conversation.contact.value;
  const old = formerly === null ? undefined : chat.byAddress(formerly)?.contact.value;
  const introduction = conversation.introduction.value;
  const name = useSignal(introduction.name);
  useEffect(() => {
    if (name.value === '') name.value = introduction.name;
  }, [introduction.name]);
  return (
    <section class="conversation" data-testid="request" aria-label="Request">
      <header class="bar">
        <button type="button" class="icon back" aria-label="All conversations" onClick={() => chat.select(null)}>
          <Icon of={ArrowLeft} />
        </button>
        <p class="who">Request</p>
      </header>
      <form
        class="centre"
        onSubmit={(event) => {
          event.preventDefault();
          void chat.accept(conversation, name.value.trim());
        }}
      >
        <Avatar name="" address={address} size="large" />
        {old !== undefined ? (
          <>
            <h1>
              <bdi>{nameOf(old)}</bdi> has a new address
            </h1>
            <p class="faint">
              <code>{shortAddress(address)}</code> shows a message, signed with the key that you know as{' '}
              <bdi>{nameOf(old)}</bdi>. It is them, or someone who has stolen the old key. After you accept, compare the
              security number with them.
            </p>
          </>
        ) : (
          <>
            <h1>{introduction.name === '' ? 'Someone' : <bdi>“{introduction.name}”</bdi>} wants to talk to you</h1>
            <p class="faint">
              {introduction.name === '' ? 'They gave no name.' : 'They chose that name themselves.'} Their address is{' '}
              <code>{shortAddress(address)}</code>.
            </p>
          </>
        )}
        {introduction.says !== '' && (
          <p class="said" dir="auto">
            {introduction.says}
          </p>
        )}
        {old === undefined && (
          <NameField name={name} label="Your name for them (only you see it)" testId="request-name" />
        )}
        {chat.sameName(name.value, address) !== null && (
          <p class="error" role="alert">
            You know a {name.value.trim()} under another key. Is it the same person? Compare the security number before
            you trust it.
          </p>
        )}
        <button type="submit" class="primary" data-testid="accept">
          Accept
        </button>
        <p class="actions">
          <button type="button" class="text quiet" data-testid="block" onClick={() => void chat.block(conversation)}>
            Block
          </button>
          <button type="button" class="text quiet" onClick={() => void chat.decline(conversation)}>
            Delete
          </button>
        </p>
        <p class="hint">Until you accept, they don’t learn that you read this.</p>
      </form>
    </section>
  );
}
