import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Identity, type KeyStore } from '@sws/crypto';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import envPaths from 'env-paths';
import type { Reporter } from './report.js';

/** How long a command waits for a locked identity. A killed program leaves it locked for 10 s. */
const LOCKED_MS = 12_000;
const RETRY_MS = 250;
/** Creating an identity takes less than this. */
const MAKING_MS = 50;

export interface IdentityFlags {
  readonly identity?: string;
  readonly ephemeral?: boolean;
}

/**
 * Returns the file of the identity that the flags name. By default, it is the user's own, which all their programs
 * share.
 */
export function identityPath({ identity }: IdentityFlags): string {
  return resolve(identity ?? join(envPaths('sws', { suffix: '' }).config, 'identity'));
}

export function identityStore(flags: IdentityFlags): KeyStore {
  return fileStore(identityPath(flags));
}

/**
 * Resolves with the seed of a stored identity, which is created on first use. It does not keep the lock: commands that
 * only show an identity, or use it through its agent, do not need it. @throws SwsError `identity-in-use` if another
 * process takes too long to create or replace it
 */
export async function readSeed(flags: IdentityFlags): Promise<Uint8Array> {
  const store = identityStore(flags);
  const sinceMs = performance.now();
  for (;;) {
    const seed = await store.load();
    if (seed !== null) return seed;
    try {
      const made = await store.loadOrCreate(() => randomBytes(32));
      await store.close();
      return made;
    } catch (error) {
      // Another command is creating it.
      if ((error as { code?: unknown }).code !== 'identity-in-use' || performance.now() - sinceMs > LOCKED_MS)
        throw error;
      await delay(MAKING_MS);
    }
  }
}

/**
 * Resolves with the identity that the flags name: a file's, one for this run only, or the user's own. A stored one is
 * created on first use.
 */
export async function readIdentity(flags: IdentityFlags): Promise<Identity> {
  if (flags.ephemeral === true) return Identity.generate(randomBytes, nodeProvider);
  return Identity.fromSeed(await readSeed(flags), nodeProvider);
}

/**
 * Runs work that needs the identity's file or lock. Tries again for 12 s while the identity is in use, because its
 * holder may have been killed.
 */
export async function whenFree<T>(work: () => Promise<T>, tell: Reporter): Promise<T> {
  const untilMs = performance.now() + LOCKED_MS;
  for (let told = false; ; ) {
    try {
      return await work();
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code !== 'identity-in-use' || performance.now() > untilMs) throw error;
      if (!told && performance.now() > untilMs - LOCKED_MS + 1_000) {
        told = true;
        tell(
          { event: 'waiting', code },
          'another program uses this identity, or was killed less than 10 s ago; waiting',
        );
      }
      await delay(RETRY_MS);
    }
  }
}
