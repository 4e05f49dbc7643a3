import { signal } from '@preact/signals';
import { type ConnectionEvent, Endpoint, type EndpointState, type StateEvent } from '@sws/client';
import { type Identity, readAddress } from '@sws/crypto';
import { CHAT_PROTOCOL, Conversation } from './conversation.js';

/** The address in the page's path, if there is one. */
export function addressInPath(): string | null {
  const segment = location.pathname.split('/').find((part) => readAddress(part) !== null);
  return segment ?? null;
}

/** What the window shows: one identity, its connection, and its conversations. */
export class Store {
  readonly address: string;
  readonly second: boolean;
  readonly connection = signal<EndpointState>('connecting');
  readonly problem = signal<string | null>(null);
  readonly conversations = signal<readonly Conversation[]>([]);
  readonly selected = signal<string | null>(null);
  readonly #endpoint: Endpoint;

  constructor(identity: Identity, second: boolean) {
    this.address = identity.publicKey;
    this.second = second;
    this.#endpoint = new Endpoint(new URL('/', location.href), {
      identity,
      accept: ({ protocols }) => (protocols.includes(CHAT_PROTOCOL) ? { protocol: CHAT_PROTOCOL } : false),
    });
    this.#endpoint.addEventListener('state', ({ state, failure }: StateEvent) => {
      this.connection.value = state;
      this.problem.value = failure?.code ?? null;
    });
    this.#endpoint.addEventListener('connection', ({ socket }: ConnectionEvent) => {
      const conversation = this.conversation(socket.peer);
      conversation.use(socket);
      this.selected.value ??= socket.peer;
    });
    const peer = addressInPath();
    if (peer !== null && peer !== this.address) this.start(peer);
  }

  get link(): string {
    return new URL(`/${this.address}`, location.href).href;
  }

  /** The conversation with a peer, begun if there is none. */
  conversation(peer: string): Conversation {
    const known = this.conversations.value.find((conversation) => conversation.peer === peer);
    if (known !== undefined) return known;
    const made = new Conversation(this.#endpoint, peer);
    made.onReceived = () => {
      if (this.selected.value === peer) made.unread.value = 0;
    };
    this.conversations.value = [...this.conversations.value, made];
    return made;
  }

  start(peer: string): void {
    this.conversation(peer).call();
    this.select(peer);
  }

  /** Shows a conversation, or with `null` none. */
  select(peer: string | null): void {
    if (peer !== null) this.conversation(peer).unread.value = 0;
    this.selected.value = peer;
  }
}
