import { signal } from '@preact/signals';
import type { History } from './history.js';
import type { PeerLink } from './peer-link.js';

/** Messages under way at a time, not yet stored by the peer. */
const WINDOW = 32;

/** What waits for a contact, in the history, until the contact says that it has stored it. */
export class Outbox {
  /** Ids of messages that were said on an open channel and are not yet stored by the peer. */
  readonly underWay = signal<ReadonlySet<string>>(new Set());
  readonly #history: History;
  readonly #contact: string;
  readonly #link: PeerLink;

  constructor(history: History, contact: string, link: PeerLink) {
    this.#history = history;
    this.#contact = contact;
    this.#link = link;
  }

  /** Says what waits, oldest first, as far as the window goes. */
  async flush(): Promise<void> {
    const underWay = new Set(this.underWay.value);
    for (const { id, at, text, file, mine } of await this.#history.pending(this.#contact)) {
      if (underWay.size >= WINDOW) break;
      if (!mine || underWay.has(id)) continue;
      const said = this.#link.send(
        file === null
          ? { type: 'text', id, at, text }
          : { type: 'file', id, at, file: { name: file.name, size: file.size, mime: file.mime } },
      );
      if (!said) break;
      underWay.add(id);
    }
    this.underWay.value = underWay;
  }

  /** The peer has stored one. */
  stored(id: string): void {
    this.underWay.value = new Set([...this.underWay.value].filter((one) => one !== id));
  }

  /** What was under way may be lost with its channel: it is to be said again, and who has it knows it by its id. */
  lost(): void {
    this.underWay.value = new Set();
  }
}
