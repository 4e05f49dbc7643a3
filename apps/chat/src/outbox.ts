import { signal } from '@preact/signals';
import type { History, Message } from './history.js';
import type { PeerLink } from './peer-link.js';

/** Messages under way at a time, not yet stored by the peer. */
const WINDOW = 64;

/** What waits for a contact, in the history, until the contact says that it has stored it. */
export class Outbox {
  /** Ids of messages that were said on an open channel and are not yet stored by the peer. */
  readonly underWay = signal<ReadonlySet<string>>(new Set());
  readonly #history: History;
  readonly #contact: string;
  readonly #link: PeerLink;
  /** What waits and was not said yet, oldest first; `null` until it was read. */
  #waiting: Message[] | null = null;
  readonly #said = new Map<string, Message>();

  constructor(history: History, contact: string, link: PeerLink) {
    this.#history = history;
    this.#contact = contact;
    this.#link = link;
  }

  /** A message is to go, behind the others. */
  add(message: Message): void {
    this.#waiting?.push(message);
  }

  /** Says what waits, oldest first, as far as the window goes. */
  async flush(): Promise<void> {
    this.#waiting ??= (await this.#history.pending(this.#contact)).filter(
      ({ mine, id }) => mine && !this.#said.has(id),
    );
    while (this.#said.size < WINDOW) {
      const next = this.#waiting[0];
      if (next === undefined || !this.#say(next)) break;
      this.#waiting.shift();
      this.#said.set(next.id, next);
    }
    this.#show();
  }

  /** The peer has stored these; returns those that it had not said so of before. */
  stored(ids: readonly string[]): Message[] {
    const found = ids.flatMap((id) => this.#said.get(id) ?? []);
    for (const { id } of found) this.#said.delete(id);
    return found;
  }

  /** A message goes no more. */
  forget(id: string): void {
    this.#said.delete(id);
    this.#waiting = this.#waiting?.filter((message) => message.id !== id) ?? null;
    this.#show();
  }

  /** What was under way may be lost with its channel: it is to be said again, and who has it knows it by its id. */
  lost(): void {
    this.#waiting = null;
    this.#said.clear();
    this.#show();
  }

  #say({ id, at, text, file, reply, retracted }: Message): boolean {
    if (retracted) return this.#link.send({ type: 'retract', id });
    if (file === null) return this.#link.send({ type: 'text', id, at, text, reply });
    return this.#link.send({ type: 'file', id, at, text, file: { name: file.name, size: file.size, mime: file.mime } });
  }

  #show(): void {
    this.underWay.value = new Set(this.#said.keys());
  }
}
