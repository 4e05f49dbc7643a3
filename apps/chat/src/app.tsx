import type { EndpointState } from '@sws/client';
import { readAddress } from '@sws/crypto';
import { useRef, useState } from 'preact/hooks';
import { ConversationView, short } from './conversation-view.js';
import { addressInPath, type Store } from './store.js';

const CONNECTION_WORDS: Record<EndpointState, string> = {
  connecting: 'connecting …',
  waiting: 'open in another window',
  registered: 'connected',
  reconnecting: 'reconnecting …',
  down: 'not connected',
  closed: 'closed',
};

/** Shown where this window can't, or should not, be the profile's own person. */
export function SecondPerson({ reason, onAccept }: { reason: string; onAccept: () => void }) {
  return (
    <main class="notice">
      <h1>One person, two windows</h1>
      <p>{reason}</p>
      <button type="button" data-testid="second-person" onClick={onAccept}>
        Continue here as a second person
      </button>
      <p class="hint">This window then has an address of its own, which is gone when you close it.</p>
    </main>
  );
}

function Start({ store }: { store: Store }) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const start = (event: Event): void => {
    event.preventDefault();
    const address = text
      .trim()
      .split('/')
      .find((part) => readAddress(part) !== null);
    if (address === undefined) setProblem('That holds no address: 64 digits 0–9 and a–f.');
    else if (address === store.address) setProblem('That is your own link: send it to someone else.');
    else {
      setProblem('');
      setText('');
      store.start(address);
    }
  };
  return (
    <form class="start" onSubmit={start}>
      <input
        aria-label="Someone's link or address"
        placeholder="Paste someone's link"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Open</button>
      {problem !== '' && <p role="alert">{problem}</p>}
    </form>
  );
}

function OwnLink({ store }: { store: Store }) {
  const [copied, setCopied] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(store.link);
    } catch {
      // Without a secure context or permission there is no clipboard: the link is selected, to copy by hand.
      field.current?.select();
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <div class="own-link">
      <label for="own-link">{store.second ? 'Your link, as a second person' : 'Your link'}</label>
      <div>
        <input
          ref={field}
          id="own-link"
          data-testid="own-link"
          readOnly
          value={store.link}
          onFocus={(event) => event.currentTarget.select()}
        />
        <button type="button" data-testid="copy-link" onClick={() => void copy()}>
          {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
    </div>
  );
}

export function App({ store }: { store: Store }) {
  const selected = store.conversations.value.find(({ peer }) => peer === store.selected.value);
  const connection = store.connection.value;
  const replaced = store.problem.value === 'replaced';
  return (
    <div class={selected === undefined ? 'app' : 'app talking'}>
      <aside>
        <h1>SWS chat</h1>
        <p class={`connection ${connection}`} data-testid="connection-state" role="status">
          {replaced ? 'replaced by another device' : CONNECTION_WORDS[connection]}
        </p>
        <OwnLink store={store} />
        <Start store={store} />
        <nav aria-label="Conversations">
          {store.conversations.value.map((conversation) => (
            <button
              type="button"
              key={conversation.peer}
              aria-current={conversation.peer === store.selected.value}
              onClick={() => store.select(conversation.peer)}
            >
              {short(conversation.peer)}
              {conversation.unread.value > 0 && <span class="unread">{conversation.unread.value} new</span>}
            </button>
          ))}
        </nav>
      </aside>
      <main>
        {selected === undefined ? (
          <div class="notice">
            <p>
              Send someone your link, or paste theirs. What you write is encrypted in this window and decrypted in
              theirs: the relay in between cannot read it.
            </p>
            {addressInPath() === store.address && <p class="hint">This is your own link.</p>}
          </div>
        ) : (
          <ConversationView key={selected.peer} conversation={selected} onBack={() => store.select(null)} />
        )}
      </main>
    </div>
  );
}
