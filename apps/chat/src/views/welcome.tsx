import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { linkTo } from '../address-link.js';
import type { Chat } from '../chat.js';
import { Avatar } from './avatar.js';
import { OwnLink } from './my-link.js';
import { NameField } from './name-field.js';

/** Nobody to talk to yet: one's own link, to be given to somebody. */
export function Welcome({ chat, onAdd }: { chat: Chat; onAdd: () => void }) {
  return (
    <div class="centre">
      <h1>Share your link to start talking</h1>
      <p class="faint">Messages and files go from your browser to theirs, encrypted all the way.</p>
      <OwnLink address={chat.identity.publicKey} />
      <button type="button" class="text" data-testid="add-contact" onClick={onAdd}>
        I have someone’s link
      </button>
      <Privacy />
    </div>
  );
}

export function Privacy() {
  return (
    <details>
      <summary>How private is this?</summary>
      <div class="said">
        <p>The relay can’t read messages and stores nothing. It sees which addresses talk, and when.</p>
        <p>
          You trust the host of this page, because its script reads what you write. If you don’t, host the page
          yourself.
        </p>
      </div>
    </details>
  );
}

/** Somebody's link was opened: one question. The link stays in the address bar until it is answered. */
export function OpenedLink({ chat, address, onDone }: { chat: Chat; address: string; onDone: () => void }) {
  const name = useSignal('');
  const start = useRef<HTMLButtonElement>(null);
  useEffect(() => start.current?.focus(), []);
  const isOwn = address === chat.identity.publicKey;
  const namesake = chat.sameName(name.value, address);
  return (
    <form
      class="centre"
      onSubmit={(event) => {
        event.preventDefault();
        onDone();
        void chat.add(address, name.value.trim());
      }}
    >
      <Avatar name="" address={address} size="large" />
      <h1>
        {isOwn ? 'This is your own link' : 'Talk to '}
        {!isOwn && (
          <code>
            {address.slice(0, 4)}…{address.slice(-4)}
          </code>
        )}
        {!isOwn && '?'}
      </h1>
      {isOwn ? (
        <>
          <p class="faint">Send it to someone else: whoever opens it can ask to talk to you.</p>
          <p class="hint">{linkTo(address)}</p>
        </>
      ) : (
        <>
          <p class="faint">You opened their link. They see your address once you start.</p>
          <NameField name={name} label="Your name for them (optional, only you see it)" testId="add-name" />
          {namesake !== null && (
            <p class="error" role="alert">
              You know a {name.value.trim()} under another key. Compare the security number before you trust it, or
              choose another name.
            </p>
          )}
          <button ref={start} type="submit" class="primary" data-testid="add">
            Start talking
          </button>
        </>
      )}
      <button type="button" class="text quiet" onClick={onDone}>
        {isOwn ? 'Close' : 'Not now'}
      </button>
    </form>
  );
}
