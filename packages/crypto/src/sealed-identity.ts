import { decodeHex, encodeHex } from './hex.js';
import { Identity, type IdentityLike, SEED_BYTES } from './identity.js';
import { naclProvider } from './nacl.js';
import type { CryptoProvider, RandomBytes } from './provider.js';
import { SwsError } from './sws-error.js';

const PREFIX = 'sws-sealed-1';
const SALT_BYTES = 16;
const BOX_BYTES = SEED_BYTES + 16;
/** scrypt's cost as log2 N, with r = 8 and p = 1 (OWASP's advice): 128 MiB, about 0.3 s on a server core. */
const LOG_N = 17;
/** The range that `unseal` accepts. A text from a stranger must cost at most 256 MiB, and a weaker one is not ours. */
const [MIN_LOG_N, MAX_LOG_N] = [14, 18];
/** A fixed nonce, because each salt, and therefore each key, is used for only one box. */
const NONCE = new Uint8Array(24);

/** Uses NFKC, so that a passphrase typed on another keyboard or system gives the same bytes. */
async function deriveKey(passphrase: string, salt: Uint8Array, logN: number): Promise<Uint8Array> {
  // Import lazily, because most programs never seal.
  const { scryptAsync } = await import('@noble/hashes/scrypt.js');
  return scryptAsync(passphrase.normalize('NFKC'), salt, { N: 2 ** logN, r: 8, p: 1, dkLen: 32 });
}

/**
 * An identity, encrypted under a passphrase, as one line of text to back up or carry to another device:
 * `sws-sealed-1.<log2 N>.<salt>.<box>`, in hex; the key is scrypt's (RFC 7914), the box NaCl secretbox.
 * Takes 128 MiB and about 0.3 s on a server core; scrypt's code is loaded with the first call.
 * @throws SwsError `invalid-length` for an empty passphrase
 * @example
 * ```ts
 * const text = await seal(identity, passphrase, randomBytes);
 * const same = await unseal(text, passphrase);
 * ```
 */
export async function seal(
  identity: Pick<IdentityLike, 'exportSeed'>,
  passphrase: string,
  randomBytes: RandomBytes,
): Promise<string> {
  if (passphrase === '') throw new SwsError('invalid-length', 'passphrase must not be empty');
  const salt = randomBytes(SALT_BYTES);
  const key = await deriveKey(passphrase, salt, LOG_N);
  const seed = identity.exportSeed();
  const box = naclProvider.secretboxSeal(key, NONCE, seed);
  key.fill(0);
  seed.fill(0);
  return [PREFIX, LOG_N, encodeHex(salt), encodeHex(box)].join('.');
}

/**
 * The identity that `seal` sealed. White space anywhere in the text is ignored.
 * @throws SwsError `sealed-malformed`; `wrong-passphrase`, also for an altered text
 */
export async function unseal(
  text: string,
  passphrase: string,
  provider: CryptoProvider = naclProvider,
): Promise<Identity> {
  const [prefix, cost = '', saltText = '', boxText = '', ...rest] = text.replace(/\s+/g, '').split('.');
  const salt = decodeHex(saltText);
  const box = decodeHex(boxText);
  const logN = Number(cost);
  const wellFormed =
    prefix === PREFIX && rest.length === 0 && /^\d\d$/.test(cost) && logN >= MIN_LOG_N && logN <= MAX_LOG_N;
  if (!wellFormed || salt?.length !== SALT_BYTES || box?.length !== BOX_BYTES) {
    throw new SwsError(
      'sealed-malformed',
      `not a sealed identity of version 1 (log2 N from ${MIN_LOG_N} to ${MAX_LOG_N})`,
    );
  }
  const key = await deriveKey(passphrase, salt, logN);
  const seed = naclProvider.secretboxOpen(key, NONCE, box);
  key.fill(0);
  if (seed === null) throw new SwsError('wrong-passphrase', 'the sealed identity does not open with this passphrase');
  const identity = Identity.fromSeed(seed, provider);
  seed.fill(0);
  return identity;
}
