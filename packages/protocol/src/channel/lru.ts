/** A map of at most `capacity` entries that forgets the one used longest ago. */
export class Lru<V> {
  readonly #capacity: number;
  readonly #onForget: (value: V) => void;
  readonly #entries = new Map<string, V>();

  constructor(capacity: number, onForget: (value: V) => void = () => {}) {
    this.#capacity = capacity;
    this.#onForget = onForget;
  }

  /** The value under `key`, made by `make` if there is none. */
  get(key: string, make: () => V): V {
    const found = this.#entries.get(key);
    const value = found === undefined ? make() : found;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) {
      for (const [oldest, forgotten] of this.#entries) {
        this.#entries.delete(oldest);
        this.#onForget(forgotten);
        break;
      }
    }
    return value;
  }
}
