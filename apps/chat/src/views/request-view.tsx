import { useSignal } from '@preact/signals';
import { ArrowLeft } from 'lucide-preact';
import { shortAddress } from '../address-link.js';
import type { Chat } from '../chat.js';
import type { Conversation } from '../conversation.js';
import { nameOf } from './words.js';

/** Somebody unknown asks to talk. Nothing of theirs is shown, or even kept, before the answer. */
export function RequestView({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const { address, formerly } = conversation.contact.value;
  const old = formerly === null ? undefined : chat.byAddress(formerly)?.contact.value;
  const name = useSignal('');
  return (
    <section class="notice" data-testid="request" aria-label="Request">
      <button type="button" class="icon back" aria-label="All conversations" onClick={() => chat.select(null)}>
        <ArrowLeft aria-hidden="true" />
      </button>
      {old === undefined ? (
        <>
          <h1>Someone wants to talk to you</h1>
          <p>
            Their address is <code>{shortAddress(address)}</code>. You have no contact of this address, and an address
            says nothing about who it is. Nothing they wrote has been kept or shown: it comes when you accept.
          </p>
        </>
      ) : (
        <>
          <h1>
            <bdi>{nameOf(old)}</bdi> has a new address
          </h1>
          <p>
            Someone at <code>{shortAddress(address)}</code> shows a message, signed with the key that you know as{' '}
            <bdi>{nameOf(old)}</bdi>, which says that this is their new address. It is them, or someone who has stolen
            the old key. After you accept, compare the security number with them.
          </p>
        </>
      )}
      <p class="address">
        <code>{address}</code>
      </p>
      {old === undefined && (
        <label>
          Your name for them (they never see it)
          <input
            data-testid="request-name"
            value={name.value}
            maxLength={60}
            autocomplete="off"
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
      )}
      {chat.sameName(name.value, address) !== null && (
        <p role="alert">
          You know a {name.value.trim()} under another key. Is it the same person? Compare the security number before
          you trust it.
        </p>
      )}
      <p class="actions">
        <button type="button" data-testid="accept" onClick={() => void chat.accept(conversation, name.value.trim())}>
          Accept
        </button>
        <button type="button" class="quiet" onClick={() => void chat.decline(conversation)}>
          Not now
        </button>
        <button type="button" class="danger" data-testid="block" onClick={() => void chat.block(conversation)}>
          Block
        </button>
      </p>
    </section>
  );
}
