/** The last keys that a connection exchanged MESSAGEs with: those who are told when it goes (PROTOCOL §3, PEER_GONE). */
export const MAX_CORRESPONDENTS = 1_024;

export class Correspondents {
  readonly #keys = new Set<string>();
  #last = '';

  /** Notes a key; forgets the one noted longest ago beyond 1,024. */
  note(key: string): void {
    if (key === this.#last) return;
    this.#last = key;
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > MAX_CORRESPONDENTS) {
      for (const oldest of this.#keys) {
        this.#keys.delete(oldest);
        break;
      }
    }
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#keys[Symbol.iterator]();
  }
}
