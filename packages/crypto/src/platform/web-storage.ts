import { decodeHex, encodeHex } from '../hex.js';
import { checkSeed, type KeyStore } from '../key-store.js';

/** The part of the Web Storage API that we use: `localStorage`, `sessionStorage`, or your own. */
export interface WebStorageLike {
  /** The text under a key, or `null`. */
  getItem(key: string): string | null;
  /** Saves a text under a key. */
  setItem(key: string, value: string): void;
  /** Deletes the text under a key. It is no error if there is none. */
  removeItem(key: string): void;
}

/**
 * Runs `work` in one tab at a time if the browser has Web Locks (W3C Web Locks API §3). Between a tab's read of the
 * storage and its write, another tab could write an identity that is then lost. Without Web Locks (plain http) that
 * risk remains.
 */
async function oneTabAtATime<T>(name: string, work: () => T): Promise<T> {
  return globalThis.navigator?.locks === undefined ? work() : globalThis.navigator.locks.request(name, work);
}

/**
 * Keeps the seed, as hex digits, in `localStorage` or `sessionStorage`. Every script of the origin can read it.
 * Callers that race for a first identity get the same one: within a page always, and between tabs if the browser has
 * Web Locks.
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
        // Read it back. The value in the storage counts, whoever wrote it.
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
