import { setTimeout as delay } from 'node:timers/promises';
import { defaultKeyStore } from '@sws/client';
import { Identity, type KeyStore } from '@sws/crypto';
import { fileStore, nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import type { Reporter } from './report.js';

/** A process that was killed leaves its identity locked for 10 s: whoever starts again at once waits for it. */
const LOCKED_MS = 12_000;
const RETRY_MS = 250;

export interface IdentityFlags {
  readonly identity?: string;
  readonly ephemeral?: boolean;
}

/** The identity that the flags name: a file's, one for this run alone, or the user's own. @throws SwsError `identity-in-use` */
async function loadIdentity(flags: IdentityFlags): Promise<Identity> {
  if (flags.ephemeral === true) return Identity.generate(randomBytes, nodeProvider);
  return Identity.fromSeed(await identityStore(flags).loadOrCreate(() => randomBytes(32)), nodeProvider);
}

/** The same for a command that only tells of it, also while another process uses it. It is made on first use all the same. */
export async function readIdentity(flags: IdentityFlags): Promise<Identity> {
  const seed = flags.ephemeral === true ? null : await identityStore(flags).load();
  return seed === null ? loadIdentity(flags) : Identity.fromSeed(seed, nodeProvider);
}

/** The same for a command that runs on, which waits a little for an identity in use: its holder may have been killed. */
export async function waitForIdentity(flags: IdentityFlags, tell: Reporter): Promise<Identity> {
  const untilMs = performance.now() + LOCKED_MS;
  for (let told = false; ; told = true) {
    try {
      return await loadIdentity(flags);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code !== 'identity-in-use' || performance.now() > untilMs) throw error;
      if (!told)
        tell(
          { event: 'waiting', code },
          'the identity is in use by another process, or was until it was killed; waiting',
        );
      await delay(RETRY_MS);
    }
  }
}

/** The place of the identity that the flags name: a file, or the one that `@sws/client` keeps for the user. */
export function identityStore({ identity }: IdentityFlags): KeyStore {
  return identity === undefined ? defaultKeyStore() : fileStore(identity);
}
