import { type Signal, signal } from '@preact/signals';
import type { Endpoint, SecureErrorEvent, SecureWebSocket } from '@sws/client';
import { encodeHex } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';

export const CHAT_PROTOCOL = 'sws-chat.v1';
const MAX_SHOWN = 1_000;

/** What became of a message: `sent` is on its way, `delivered` means that the peer's page has it. */
export type MessageState = 'sending' | 'sent' | 'delivered' | 'failed' | 'received';

export interface Message {
  readonly id: string;
  readonly mine: boolean;
  readonly text: string;
  readonly at: number;
  readonly state: MessageState;
}

export type PeerState = 'calling' | 'connected' | 'interrupted' | 'offline' | 'closed';

function isPending({ state }: Message): boolean {
  return state === 'sending' || state === 'sent';
}

/** All that is said with one peer in this window. */
export class Conversation {
  readonly peer: string;
  readonly messages: Signal<readonly Message[]> = signal([]);
  readonly peerState: Signal<PeerState> = signal('closed');
  readonly unread: Signal<number> = signal(0);
  readonly #endpoint: Endpoint;
  #socket: SecureWebSocket | null = null;
  /** Runs when something new comes in. */
  onReceived: () => void = () => {};

  constructor(endpoint: Endpoint, peer: string) {
    this.#endpoint = endpoint;
    this.peer = peer;
  }

  /** Calls the peer, unless the two are connected. */
  call(): void {
    if (this.#socket !== null && this.#socket.readyState < 2) return;
    this.peerState.value = 'calling';
    this.use(this.#endpoint.connect(this.peer, { protocols: CHAT_PROTOCOL, resource: '/chat' }));
  }

  /** Talks over this socket from here: one that this end opened, or the peer. */
  use(socket: SecureWebSocket): void {
    this.#socket = socket;
    const current = (): boolean => this.#socket === socket;
    if (socket.readyState === 1) this.#opened();
    socket.addEventListener('open', () => {
      if (current()) this.#opened();
    });
    socket.addEventListener('message', (event) => this.#receive((event as MessageEvent).data));
    socket.addEventListener('interrupted', () => {
      if (current()) this.peerState.value = 'interrupted';
    });
    socket.addEventListener('resumed', () => {
      if (current()) this.peerState.value = 'connected';
    });
    socket.addEventListener('error', (event) => {
      if (current()) this.peerState.value = (event as SecureErrorEvent).code === 'offline' ? 'offline' : 'closed';
    });
    socket.addEventListener('close', () => {
      if (!current()) return;
      this.#socket = null;
      if (this.peerState.value !== 'offline') this.peerState.value = 'closed';
      this.messages.value = this.messages.value.map((message) =>
        isPending(message) ? { ...message, state: 'failed' } : message,
      );
    });
  }

  /** Sends, calling the peer first if need be. A message that can't go stays, marked so. */
  send(text: string): void {
    const message: Message = { id: encodeHex(randomBytes(16)), mine: true, text, at: Date.now(), state: 'sending' };
    this.#add(message);
    this.#transmit(message);
  }

  retry(id: string): void {
    const message = this.messages.value.find((candidate) => candidate.id === id);
    if (message === undefined) return;
    this.#mark(id, 'sending');
    this.#transmit(message);
  }

  #transmit(message: Message): void {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== 1) return this.call();
    socket.send(JSON.stringify({ id: message.id, text: message.text, at: message.at }));
    this.#mark(message.id, 'sent');
    socket.delivered().then(
      () => this.#mark(message.id, 'delivered'),
      () => {}, // it closed: the close event marks what is pending, unless another socket took over
    );
  }

  /** What was on its way over an earlier socket goes again: the peer knows a message by its id. */
  #opened(): void {
    this.peerState.value = 'connected';
    for (const message of this.messages.value) if (isPending(message)) this.#transmit(message);
  }

  #receive(data: unknown): void {
    let value: unknown;
    try {
      value = JSON.parse(String(data));
    } catch {
      return; // not ours: the peer speaks another protocol
    }
    if (typeof value !== 'object' || value === null) return;
    const { id, text, at } = value as { id?: unknown; text?: unknown; at?: unknown };
    if (typeof id !== 'string' || typeof text !== 'string' || typeof at !== 'number') return;
    // A message that was sent again after a break came twice: its id tells.
    if (this.messages.value.some((message) => message.id === id)) return;
    this.#add({ id, mine: false, text, at, state: 'received' });
    this.unread.value++;
    this.onReceived();
  }

  #add(message: Message): void {
    this.messages.value = [...this.messages.value, message].slice(-MAX_SHOWN);
  }

  #mark(id: string, state: MessageState): void {
    this.messages.value = this.messages.value.map((message) => (message.id === id ? { ...message, state } : message));
  }
}
