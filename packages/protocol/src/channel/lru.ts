/** A map of at most `capacity` entries. It forgets the least recently used entry. */
export class Lru<V> {
  readonly #capacity: number;
  readonly #entries = new Map<string, V>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value under `key`. This does not count as use. */
  peek(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** The value under `key`, created by `make` if there is none. */
  get(key: string, make: () => V): V {
    const found = this.#entries.get(key);
    const value = found === undefined ? make() : found;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return value;
  }
}
