import { decodeHex, encodeHex } from '../hex.js';
import { checkSeed, type KeyStore } from '../key-store.js';

/** What is used of the Web Storage API. */
export interface WebStorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps the seed, as hex digits, in `localStorage` or `sessionStorage`. Synchronous within one page: two that race get the same. */
export function webStorageStore(storage: WebStorageLike, key = 'sws.identity'): KeyStore {
  const read = (): Uint8Array | null => {
    const text = storage.getItem(key);
    return text === null ? null : checkSeed(decodeHex(text), `web storage key ${key}`);
  };
  return {
    load: async () => read(),
    async loadOrCreate(create) {
      if (storage.getItem(key) === null) storage.setItem(key, encodeHex(checkSeed(create(), 'the new seed')));
      // Read back: what the storage holds counts, whoever wrote it.
      return read() ?? checkSeed(null, `web storage key ${key}`);
    },
    async replace(seed) {
      storage.setItem(key, encodeHex(checkSeed(seed, 'the new seed')));
    },
    async remove() {
      storage.removeItem(key);
    },
    close: async () => {},
  };
}
