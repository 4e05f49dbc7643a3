import { signal } from '@preact/signals';
import { type ChatMessage, type FileOffer, MAX_STORED_IDS } from './chat-protocol.js';
import type { History, Message } from './history.js';

/** A full disk is tried again this often. */
const FULL_RETRY_MS = 3_000;

/** What a peer says that is kept. */
export type Incoming = Extract<ChatMessage, { type: 'text' | 'file' | 'retract' }>;

/** What the inbox needs of its conversation. */
export interface InboxHost {
  readonly history: History;
  readonly contact: string;
  readonly append: (drafts: readonly Omit<Message, 'seq'>[]) => Promise<Message[]>;
  readonly fetchesUnasked: (file: FileOffer) => boolean;
  /** Calls `store` when its turn comes. */
  readonly again: () => void;
  /** These are on disk: the peer is to know. */
  readonly stored: (ids: readonly string[]) => void;
  readonly added: (messages: readonly Message[]) => void;
  readonly retracted: (message: Message) => Promise<void>;
}

/** What the peer has said and the disk does not have yet. */
export class Inbox {
  /** Messages that have no room on this device: they wait here, and at their sender. */
  readonly unkept = signal(0);
  readonly #host: InboxHost;
  #waiting: readonly Incoming[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: InboxHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Takes one; whether it is the first, and `store` is to be called. */
  take(message: Incoming): boolean {
    this.#waiting = [...this.#waiting, message];
    return this.#waiting.length === 1;
  }

  /** Writes what waits to the disk and, once it is there, tells so; what came before is told again. */
  async store(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_STORED_IDS);
      let added: Message[];
      try {
        added = await this.#write(batch);
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error;
        this.unkept.value = this.#waiting.length;
        this.#timer = setTimeout(this.#host.again, FULL_RETRY_MS);
        return;
      }
      this.#waiting = this.#waiting.slice(batch.length);
      this.unkept.value = 0;
      this.#host.stored(batch.map(({ id }) => id));
      this.#host.added(added);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #write(batch: readonly Incoming[]): Promise<Message[]> {
    const { history, contact, append, retracted } = this.#host;
    const drafts = batch.flatMap((one) => (one.type === 'retract' ? [] : this.#draft(one)));
    const added = drafts.length === 0 ? [] : await append(drafts);
    const gone = new Set<string>();
    for (const { type, id } of batch) {
      const message = type === 'retract' ? await history.find(contact, id, false) : null;
      if (message === null) continue;
      gone.add(id);
      await retracted(message);
    }
    return added.filter(({ id }) => !gone.has(id));
  }

  #draft(message: Exclude<Incoming, { type: 'retract' }>): Omit<Message, 'seq'> {
    const { id, at, text } = message;
    const state = message.type === 'file' && this.#host.fetchesUnasked(message.file) ? 'wanted' : 'offered';
    return {
      contact: this.#host.contact,
      id,
      mine: false,
      // A clock that runs ahead, or a lie, would put it behind everything to come.
      at: Math.min(at, Date.now()),
      text,
      file: message.type === 'file' ? { ...message.file, state } : null,
      reply: message.type === 'text' ? message.reply : null,
      retracted: false,
      delivered: true,
    };
  }
}
