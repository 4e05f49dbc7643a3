import { join } from 'node:path';
import { defaultIdentity } from '@sws/client';
import { Identity, type KeyStore } from '@sws/crypto';
import { fileStore } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import envPaths from 'env-paths';

export interface IdentityFlags {
  readonly identity?: string;
  readonly ephemeral?: boolean;
}

/** The identity that the flags name: a file's, one for this run alone, or the user's own. @throws SwsError `identity-in-use` */
export async function loadIdentity(flags: IdentityFlags): Promise<Identity> {
  if (flags.ephemeral === true) return Identity.generate(randomBytes);
  if (flags.identity === undefined) return defaultIdentity();
  return Identity.fromSeed(await identityStore(flags).loadOrCreate(() => randomBytes(32)));
}

/** The place of the identity that the flags name: a file, or the one that `@sws/client` keeps for the user. */
export function identityStore({ identity }: IdentityFlags): KeyStore {
  return fileStore(identity ?? join(envPaths('sws', { suffix: '' }).config, 'identity'));
}
