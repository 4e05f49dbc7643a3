import { decodeHex, encodeHex } from '../hex.js';
import { checkSeed, type KeyStore } from '../key-store.js';

/** What is used of the Web Storage API: `localStorage`, `sessionStorage`, or your own. */
export interface WebStorageLike {
  /** The text under a key, or `null`. */
  getItem(key: string): string | null;
  /** Saves a text under a key. */
  setItem(key: string, value: string): void;
  /** Deletes the text under a key. It is no error if there is none. */
  removeItem(key: string): void;
}

/**
 * Runs `work` in one tab at a time where the browser has Web Locks (W3C Web Locks API §3): between a tab's look into the
 * storage and its write, another tab could write an identity that is then lost. Without them (plain http) that risk remains.
 */
async function oneTabAtATime<T>(name: string, work: () => T): Promise<T> {
  return globalThis.navigator?.locks === undefined ? work() : globalThis.navigator.locks.request(name, work);
}

/**
 * Keeps the seed, as hex digits, in `localStorage` or `sessionStorage`, readable by every script of the origin. Two that
 * race for a first identity get the same, within a page always, between tabs where the browser has Web Locks.
 */
export function webStorageStore(storage: WebStorageLike, key = 'sws.identity'): KeyStore {
  const read = (): Uint8Array | null => {
    const text = storage.getItem(key);
    return text === null ? null : checkSeed(decodeHex(text), `web storage key ${key}`);
  };
  return {
    load: async () => read(),
    loadOrCreate: (create) =>
      oneTabAtATime(key, () => {
        if (storage.getItem(key) === null) storage.setItem(key, encodeHex(checkSeed(create(), 'the new seed')));
        // Read back: what the storage holds counts, whoever wrote it.
        return read() ?? checkSeed(null, `web storage key ${key}`);
      }),
    async replace(seed) {
      storage.setItem(key, encodeHex(checkSeed(seed, 'the new seed')));
    },
    async remove() {
      storage.removeItem(key);
    },
    close: async () => {},
  };
}
