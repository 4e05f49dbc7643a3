import { SEED_BYTES } from './identity.js';
import { SwsError } from './sws-error.js';

/**
 * A place for the 32-byte seed of one identity. Arrays are copied in both directions.
 * @throws SwsError `identity-damaged` from `load` and `loadOrCreate` if the place holds something else.
 */
export interface KeyStore {
  /** The seed, or `null` if there is none. */
  load(): Promise<Uint8Array | null>;
  /** The seed. If there is none, `create` makes one, which is saved first. Callers that race get the same seed. */
  loadOrCreate(create: () => Uint8Array): Promise<Uint8Array>;
  /** Saves another seed over the present one. */
  replace(seed: Uint8Array): Promise<void>;
  /** Deletes the seed. It is no error if there is none. */
  remove(): Promise<void>;
  /** Releases locks; the store can be used again afterwards. */
  close(): Promise<void>;
}

/** The seed if it has the right length. @throws SwsError `identity-damaged` */
export function checkSeed(seed: Uint8Array | null, where: string): Uint8Array {
  if (seed?.length !== SEED_BYTES)
    throw new SwsError('identity-damaged', `${where} must hold ${SEED_BYTES} bytes, the seed of an identity`);
  return seed.slice();
}

/** Keeps the seed in memory, until the process ends. */
export function memoryStore(): KeyStore {
  let stored: Uint8Array | null = null;
  return {
    load: async () => stored?.slice() ?? null,
    async loadOrCreate(create) {
      stored ??= checkSeed(create(), 'the new seed');
      return stored.slice();
    },
    async replace(seed) {
      const next = checkSeed(seed, 'the new seed');
      stored?.fill(0);
      stored = next;
    },
    async remove() {
      stored?.fill(0);
      stored = null;
    },
    close: async () => {},
  };
}
