import { type KeyStore, memoryStore } from '../key-store.js';
import { SwsError } from '../sws-error.js';
import { indexedDbStore } from './indexed-db.js';
import { webStorageStore } from './web-storage.js';

/** How browsers say that a page may not use IndexedDB at all: sandboxed frames, blocked site data, private windows of old. */
const REFUSALS: readonly unknown[] = ['SecurityError', 'InvalidStateError', 'NotSupportedError'];

/** Web storage, where there is one that this page may touch: a worker has none, and a sandboxed frame's throws. */
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
 * Where a page's identity is kept: IndexedDB, to which one in web storage is moved; where the browser refuses
 * IndexedDB, web storage; where it refuses that too, memory. A passing failure is thrown instead: to go on as somebody
 * else would be worse.
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
        chosen = null; // the next call asks again
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
