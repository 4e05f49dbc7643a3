import { defaultIdentity } from '@sws/client';
import { Identity } from '@sws/crypto';
import { fileStore } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';

export interface IdentityFlags {
  readonly identity?: string;
  readonly ephemeral?: boolean;
}

/** The identity that the flags name: a file's, one for this run alone, or the user's own. @throws SwsError `identity-in-use` */
export async function loadIdentity(flags: IdentityFlags): Promise<Identity> {
  if (flags.ephemeral === true) return Identity.generate(randomBytes);
  if (flags.identity === undefined) return defaultIdentity();
  return Identity.fromSeed(await fileStore(flags.identity).loadOrCreate(() => randomBytes(32)));
}
