import { concatBytes } from './bytes.js';

/** The sizes of SHA-512's block and output (FIPS 180-4). */
const BLOCK_BYTES = 128;
const HASH_BYTES = 64;
/** The longest output (RFC 5869 §2.3). */
const MAX_LENGTH_BYTES = 255 * HASH_BYTES;

/** A SHA-512 function. */
export type Sha512 = (bytes: Uint8Array) => Uint8Array;

/** HMAC-SHA-512 (RFC 2104 §2). */
function hmac(sha512: Sha512, key: Uint8Array, message: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha512(key) : key);
  const padded = (byte: number, text: Uint8Array): Uint8Array => {
    const input = concatBytes(block, text);
    for (let i = 0; i < BLOCK_BYTES; i++) input[i] = (input[i] ?? 0) ^ byte;
    const hash = sha512(input);
    input.fill(0);
    return hash;
  };
  const inner = padded(0x36, message);
  const hash = padded(0x5c, inner);
  for (const secret of [block, inner]) secret.fill(0);
  return hash;
}

/**
 * HKDF (RFC 5869) with a library's SHA-512. No library with NaCl's functions has HKDF too, and a second SHA-512 would
 * cost a page 3 kB.
 * @throws RangeError over 16,320 bytes
 */
export function hkdf(sha512: Sha512, salt: Uint8Array, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > MAX_LENGTH_BYTES) throw new RangeError(`HKDF gives at most ${MAX_LENGTH_BYTES} bytes`);
  const okm = new Uint8Array(length);
  const key = hmac(sha512, salt, ikm);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < length; at += HASH_BYTES) {
    const input = concatBytes(block, info, Uint8Array.of(at / HASH_BYTES + 1));
    block.fill(0);
    block = hmac(sha512, key, input);
    input.fill(0);
    okm.set(block.subarray(0, length - at), at);
  }
  for (const secret of [key, block]) secret.fill(0);
  return okm;
}
