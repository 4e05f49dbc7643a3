import { createStore, del, get, set, update } from 'idb-keyval';
import { equalBytes } from '../bytes.js';
import { checkSeed, type KeyStore } from '../key-store.js';
import { SwsError } from '../sws-error.js';

const DATABASE = 'sws';
const OBJECT_STORE = 'identities';

/** Options of `indexedDbStore`. */
export interface IndexedDbStoreOptions {
  /** The name of the identity. Set it to keep several in one origin. @defaultValue `sws.identity` */
  readonly key?: string;
  /** A store of an older version of your page. Its identity is moved here if there is none yet. @defaultValue none */
  readonly inherit?: KeyStore;
}

/** Wraps a browser's error in an SwsError with a code; the browser's error is the cause. */
async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof SwsError) throw cause;
    throw new SwsError('store-unavailable', 'IndexedDB has failed', { cause });
  }
}

/**
 * Keeps the seed in IndexedDB. Every script of the origin, including workers, can read it. Tabs and workers that race
 * for a first identity get the same one, because reading and writing are one transaction (W3C Indexed Database API
 * §2.7).
 * @throws SwsError `store-unavailable`, with the browser's error as its cause, from every method
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): KeyStore {
  const { key = 'sws.identity', inherit } = options;
  const database = createStore(DATABASE, OBJECT_STORE);
  const where = `IndexedDB key ${key}`;
  const checked = (found: unknown) => checkSeed(found instanceof Uint8Array ? found : null, where);
  const inherited = async () => (await inherit?.load()) ?? null;

  return {
    load: () =>
      typed(async () => {
        const found: unknown = await get(key, database);
        return found === undefined ? inherited() : checked(found);
      }),
    loadOrCreate: (create) =>
      typed(async () => {
        let found: unknown = await get(key, database);
        if (found !== undefined) return checked(found);
        const older = await inherited();
        await update(
          key,
          (present: unknown) => {
            found = present ?? older ?? checkSeed(create(), 'the new seed');
            return found;
          },
          database,
        );
        const seed = checked(found);
        // Remove the old identity only once it is saved here, and only if it is the one that was moved.
        if (older !== null && equalBytes(older, seed)) await inherit?.remove();
        return seed;
      }),
    replace: (seed) =>
      typed(async () => {
        await set(key, checkSeed(seed, 'the new seed'), database);
        await inherit?.remove();
      }),
    remove: () =>
      typed(async () => {
        await del(key, database);
        await inherit?.remove();
      }),
    close: async () => {},
  };
}
