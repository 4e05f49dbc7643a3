import { randomBytes } from 'node:crypto';
import { Endpoint, type SecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes as platformBytes } from '@sws/crypto/platform';
import type { Person, Stage } from './chat-people.js';

/** A message of the chat's protocol, as it was heard. */
interface Heard {
  readonly type: string;
  readonly [field: string]: unknown;
}

const WAIT_MS = 30_000;
const HELLO = { type: 'hello', accepted: true, seen: null, name: '', says: '', move: null };

/** The other end of a conversation, by the protocol alone: it can do what no page does. */
export class Peer {
  readonly heard: Heard[] = [];
  /** Ids of messages that the person's page says it has stored. */
  readonly stored = new Set<unknown>();
  readonly #endpoint: Endpoint;
  readonly #checks = new Set<() => void>();
  #socket: SecureWebSocket;

  private constructor(endpoint: Endpoint, socket: SecureWebSocket) {
    this.#endpoint = endpoint;
    this.#socket = this.#use(socket);
    // The person's page has begun anew.
    endpoint.addEventListener('connection', (event) => {
      this.#socket = this.#use(event.socket);
      this.send(HELLO);
    });
  }

  #use(socket: SecureWebSocket): SecureWebSocket {
    socket.addEventListener('message', (event) => {
      const message = JSON.parse(String((event as MessageEvent).data)) as Heard;
      this.heard.push(message);
      if (message.type === 'stored') for (const id of message.ids as string[]) this.stored.add(id);
      for (const check of this.#checks) check();
    });
    return socket;
  }

  /** Asks a person, who accepts. */
  static async acceptedBy(stage: Stage, person: Person, name = 'Bob'): Promise<Peer> {
    const peer = await Peer.asking(stage, person);
    await person.accept(name);
    await peer.hears('hello', ({ accepted }) => accepted === true);
    return peer;
  }

  static async asking(stage: Stage, person: Person, introduction: object = {}): Promise<Peer> {
    const accept = (): { protocol: string } => ({ protocol: 'sws.chat.v1' });
    const endpoint = new Endpoint(stage.url, { identity: Identity.generate(platformBytes), accept });
    const socket = endpoint.connect(await person.address(), { protocols: 'sws.chat.v1', resource: '/chat' });
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    const peer = new Peer(endpoint, socket);
    peer.send({ ...HELLO, ...introduction });
    return peer;
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Says texts, at times of its own clock, and waits until they are stored; their ids. */
  async say(texts: readonly string[], at = Date.now()): Promise<string[]> {
    const ids = texts.map(() => randomBytes(16).toString('hex'));
    for (let from = 0; from < ids.length; from += 100) {
      const some = ids.slice(from, from + 100);
      for (const [index, id] of some.entries())
        this.send({ type: 'text', id, at, text: texts[from + index] ?? '', reply: null });
      await this.#until('the page has not stored what was said', () => some.every((id) => this.stored.has(id)));
    }
    return ids;
  }

  all(type: string): Heard[] {
    return this.heard.filter((message) => message.type === type);
  }

  /** Waits for a message of a type of which something holds. */
  async hears(type: string, holds: (message: Heard) => boolean = () => true): Promise<void> {
    await this.#until(`the page has not said ${type}`, () => this.all(type).some(holds));
  }

  async #until(otherwise: string, holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${otherwise}, in ${WAIT_MS} ms`)), WAIT_MS);
      const check = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
    });
  }

  async close(): Promise<void> {
    await this.#endpoint.close();
  }
}
