import { type KeyStore, memoryStore } from '../key-store.js';
import { SwsError } from '../sws-error.js';
import { indexedDbStore } from './indexed-db.js';
import { webStorageStore } from './web-storage.js';

/** The errors for a page that may not use IndexedDB: sandboxed frames, blocked site data, old private windows. */
const REFUSALS: readonly unknown[] = ['SecurityError', 'InvalidStateError', 'NotSupportedError'];

/** Web storage, if this page may use it. A worker has none, and in a sandboxed frame it throws. */
function webStorage(): KeyStore | null {
  try {
    return globalThis.localStorage === undefined ? null : webStorageStore(globalThis.localStorage);
  } catch {
    return null;
  }
}

function isRefusal(error: unknown): boolean {
  const cause = error instanceof SwsError ? error.cause : null;
  return cause instanceof DOMException && REFUSALS.includes(cause.name);
}

/**
 * Keeps a page's identity in IndexedDB, and moves an identity in web storage there. If the browser refuses IndexedDB,
 * it uses web storage; if it refuses that too, memory. A temporary failure is thrown, because a new identity would be
 * worse.
 * @throws SwsError `store-unavailable`
 */
export function browserStore(): KeyStore {
  const older = webStorage();
  const fallback = older ?? memoryStore();
  if (!globalThis.indexedDB) return fallback;
  const indexed = indexedDbStore(older === null ? {} : { inherit: older });
  let chosen: Promise<KeyStore> | null = null;
  const store = (): Promise<KeyStore> => {
    chosen ??= indexed.load().then(
      () => indexed,
      (error: unknown) => {
        if (isRefusal(error)) return fallback;
        chosen = null; // the next call tries again
        throw error;
      },
    );
    return chosen;
  };
  return {
    load: async () => (await store()).load(),
    loadOrCreate: async (create) => (await store()).loadOrCreate(create),
    replace: async (seed) => (await store()).replace(seed),
    remove: async () => (await store()).remove(),
    close: async () => (await store()).close(),
  };
}
