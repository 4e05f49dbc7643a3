import { equalBytes } from '../bytes.js';
import { SwsError } from '../error.js';
import { checkSeed, type KeyStore } from '../key-store.js';

const DATABASE = 'sws';
const OBJECT_STORE = 'identities';

/** Settings of `indexedDbStore`. */
export interface IndexedDbStoreOptions {
  /** Which identity of this origin. @defaultValue `sws.identity` */
  readonly key?: string;
  /** Where an older version kept the identity: moved from there when there is none here. @defaultValue nowhere */
  readonly inherit?: KeyStore;
}

/** A browser's own errors get a code; the browser's is the cause. */
async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof SwsError) throw cause;
    throw new SwsError('store-unavailable', 'IndexedDB has failed', { cause });
  }
}

/** What a request or a transaction comes to: resolves at `event`. */
function settled(target: IDBRequest | IDBTransaction, event: 'success' | 'complete'): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(event, () => resolve());
    // A request's error is heard at its transaction too, before that has an error of its own.
    const fail = (event: Event) => reject((event.target as IDBRequest).error);
    target.addEventListener('error', fail);
    target.addEventListener('abort', fail);
  });
}

/** Does `work` in one transaction; what the request that it gives has found, once that is complete. */
async function transact(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const opening = indexedDB.open(DATABASE);
  opening.onupgradeneeded = () => opening.result.createObjectStore(OBJECT_STORE);
  await settled(opening, 'success');
  const database = opening.result;
  try {
    const transaction = database.transaction(OBJECT_STORE, mode);
    const request = work(transaction.objectStore(OBJECT_STORE));
    await settled(transaction, 'complete');
    return request.result;
  } finally {
    database.close();
  }
}

/**
 * Keeps the seed in IndexedDB, readable by every script of the origin, its workers included. Tabs and workers that race for
 * a first identity get the same: looking and writing are one transaction (W3C Indexed Database API §2.7).
 * @throws SwsError `store-unavailable`, with the browser's error as its cause, from every method
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): KeyStore {
  const { key = 'sws.identity', inherit } = options;
  const where = `IndexedDB key ${key}`;
  const checked = (found: unknown) => checkSeed(found instanceof Uint8Array ? found : null, where);
  const read = () => transact('readonly', (store) => store.get(key));
  const inherited = async () => (await inherit?.load()) ?? null;

  return {
    load: () =>
      typed(async () => {
        const found = await read();
        return found === undefined ? inherited() : checked(found);
      }),
    loadOrCreate: (create) =>
      typed(async () => {
        const found = await read();
        if (found !== undefined) return checked(found);
        const older = await inherited();
        const own = older ?? checkSeed(create(), 'the new seed');
        const present = await transact('readwrite', (store) => {
          const request = store.get(key);
          request.onsuccess = () => {
            if (request.result === undefined) store.put(own, key);
          };
          return request;
        });
        const seed = checked(present ?? own);
        // Only now that it is safe here, and only if it is the one that was moved.
        if (older !== null && equalBytes(older, seed)) await inherit?.remove();
        return seed;
      }),
    replace: (seed) =>
      typed(async () => {
        const own = checkSeed(seed, 'the new seed');
        await transact('readwrite', (store) => store.put(own, key));
        await inherit?.remove();
      }),
    remove: () =>
      typed(async () => {
        await transact('readwrite', (store) => store.delete(key));
        await inherit?.remove();
      }),
    close: async () => {},
  };
}
