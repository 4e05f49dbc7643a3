import { useEffect, useRef, useState } from 'preact/hooks';
import type { Conversation, Message, PeerState } from './conversation.js';

const PEER_WORDS: Record<PeerState, string> = {
  calling: 'calling …',
  connected: 'connected, end-to-end encrypted',
  interrupted: 'connection interrupted, resuming …',
  offline: 'peer offline',
  closed: 'not connected',
};

function stateWords(message: Message, peerState: PeerState): string {
  if (message.state === 'delivered') return '✓ delivered';
  if (message.state === 'sending') return 'sending …';
  if (message.state === 'sent') return 'sent';
  if (message.state === 'failed') return peerState === 'offline' ? 'not sent: peer is offline' : 'not sent';
  return '';
}

/** An address short enough to recognise. */
export function short(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

export function ConversationView({ conversation, onBack }: { conversation: Conversation; onBack: () => void }) {
  const [text, setText] = useState('');
  const end = useRef<HTMLDivElement>(null);
  const messages = conversation.messages.value;
  const peerState = conversation.peerState.value;
  const count = messages.length;
  useEffect(() => {
    if (count > 0) end.current?.scrollIntoView({ block: 'end' });
  }, [count]);
  const send = (event: Event): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    conversation.send(text);
    setText('');
  };
  return (
    <section
      class="conversation"
      aria-label={`Conversation with ${short(conversation.peer)}`}
      data-testid="conversation"
    >
      <header>
        <button type="button" class="quiet back" onClick={onBack}>
          All
        </button>
        <strong title={conversation.peer}>{short(conversation.peer)}</strong>
        <span class={`peer-state ${peerState}`} data-testid="peer-state" role="status">
          {PEER_WORDS[peerState]}
        </span>
        {(peerState === 'offline' || peerState === 'closed') && (
          <button type="button" class="quiet" onClick={() => conversation.call()}>
            Call again
          </button>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1) */}
      <div class="messages" role="log" aria-live="polite" tabIndex={0}>
        {messages.map((message) => (
          <article
            key={message.id}
            class={message.mine ? 'mine' : 'theirs'}
            data-testid="message"
            data-from={message.mine ? 'me' : 'peer'}
            data-state={message.state}
          >
            <p>{message.text}</p>
            <footer>
              <time>{new Date(message.at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}</time>
              <span>{stateWords(message, peerState)}</span>
              {message.state === 'failed' && (
                <button type="button" class="quiet" onClick={() => conversation.retry(message.id)}>
                  Retry
                </button>
              )}
            </footer>
          </article>
        ))}
        <div ref={end} />
      </div>
      <form onSubmit={send}>
        <textarea
          data-testid="composer"
          aria-label="Message"
          placeholder="Write a message"
          rows={1}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            // Enter that ends an input method's composition belongs to the word, not to the message.
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
          }}
        />
        <button type="submit" data-testid="send">
          Send
        </button>
      </form>
    </section>
  );
}
