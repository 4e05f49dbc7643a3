import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Identity, type KeyStore } from '@sws/crypto';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import envPaths from 'env-paths';
import type { Reporter } from './report.js';

/** A program that was killed leaves its identity locked for 10 s: whoever starts again at once waits for it. */
const LOCKED_MS = 12_000;
const RETRY_MS = 250;
/** To make an identity takes less. */
const MAKING_MS = 50;

export interface IdentityFlags {
  readonly identity?: string;
  readonly ephemeral?: boolean;
}

/** The file of the identity that the flags name: the one given, or the user's own, which every program of the user shares. */
export function identityPath({ identity }: IdentityFlags): string {
  return resolve(identity ?? join(envPaths('sws', { suffix: '' }).config, 'identity'));
}

export function identityStore(flags: IdentityFlags): KeyStore {
  return fileStore(identityPath(flags));
}

/**
 * The seed of a kept identity, made on first use. Nothing is locked afterwards: whoever only tells of an identity, or uses it
 * through its agent, need not hold it. @throws SwsError `identity-in-use` while another process makes or replaces it
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
      // Another command makes it at this moment.
      if ((error as { code?: unknown }).code !== 'identity-in-use' || performance.now() - sinceMs > LOCKED_MS)
        throw error;
      await delay(MAKING_MS);
    }
  }
}

/** The identity that the flags name: a file's, one for this run only, or the user's own, made on first use. */
export async function readIdentity(flags: IdentityFlags): Promise<Identity> {
  if (flags.ephemeral === true) return Identity.generate(randomBytes, nodeProvider);
  return Identity.fromSeed(await readSeed(flags), nodeProvider);
}

/** Does what needs the identity's file, or its lock, and waits a little for one in use: its holder may have been killed. */
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
