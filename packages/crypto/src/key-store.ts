import { SEED_BYTES } from './identity.js';
import { SwsError } from './sws-error.js';

/**
 * A place for one identity: one 32-byte seed. Arrays are copied both ways.
 * @throws SwsError `identity-damaged` from `load` and `loadOrCreate` where the place holds something else.
 */
export interface KeyStore {
  /** The seed, or `null` where there is none. */
  load(): Promise<Uint8Array | null>;
  /** The seed, made by `create` and saved first where there is none. Of two that race, both get the same. */
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

/** Keeps the seed in memory: gone with the process. */
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
