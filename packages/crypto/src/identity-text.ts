import { concatBytes } from './bytes.js';
import { decodeHex, encodeHex } from './hex.js';
import { Identity, type IdentityLike, SEED_BYTES } from './identity.js';
import { naclProvider } from './nacl.js';
import type { CryptoProvider } from './provider.js';
import { labelBytes } from './signature.js';
import { SwsError } from './sws-error.js';

const PREFIX = 'sws-identity-1';
const CHECKSUM_BYTES = 4;

/** The first bytes of SHA-512 over `"sws/1 export\0" || seed`, to detect a letter misread on paper. */
function checksum(seed: Uint8Array): string {
  const hash = naclProvider.sha512(concatBytes(labelBytes('export'), seed));
  return encodeHex(hash.subarray(0, CHECKSUM_BYTES));
}

/**
 * An identity as one line of plain text, `sws-identity-1.<seed>.<checksum>` in hex. The text is the secret itself: keep
 * it where you would keep a password, or use `seal`, which encrypts it under a passphrase.
 */
export function exportIdentity(identity: Pick<IdentityLike, 'exportSeed'>): string {
  const seed = identity.exportSeed();
  const text = `${PREFIX}.${encodeHex(seed)}.${checksum(seed)}`;
  seed.fill(0);
  return text;
}

/**
 * The identity in a text of `exportIdentity`. White space anywhere in the text is ignored, because mail and paper break
 * lines.
 * @throws SwsError `identity-text-malformed`
 */
export function importIdentity(text: string, provider: CryptoProvider = naclProvider): Identity {
  const [prefix, seedText = '', sum, ...rest] = text.replace(/\s+/g, '').split('.');
  const seed = decodeHex(seedText);
  if (prefix !== PREFIX || rest.length > 0 || seed?.length !== SEED_BYTES)
    throw new SwsError('identity-text-malformed', 'not an identity exported as text, version 1');
  if (sum !== checksum(seed))
    throw new SwsError('identity-text-malformed', 'the exported identity’s checksum differs: a letter is wrong');
  return Identity.fromSeed(seed, provider);
}
