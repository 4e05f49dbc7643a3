import { concatBytes } from './bytes.js';
import { FIELD_PRIME, GROUP_ORDER, readLittleEndian } from './field.js';
import { decodeHex } from './hex.js';
import type { CryptoProvider } from './provider.js';
import { SwsError } from './sws-error.js';

declare const TextEncoder: new () => { encode(text: string): Uint8Array };
const encoder = new TextEncoder();

/** A y-coordinate of a point of order 8 on Edwards25519. The other one is its negative. */
const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/** The y-coordinates of Edwards25519's eight points of small order. */
const SMALL_ORDER_Y = new Set([0n, 1n, FIELD_PRIME - 1n, ORDER_8_Y, FIELD_PRIME - ORDER_8_Y]);

/**
 * Whether 32 bytes are the canonical encoding of a point not of small order. The provider checks that it is on the
 * curve.
 */
function isSoundPoint(bytes: Uint8Array): boolean {
  const y = readLittleEndian(bytes) & ((1n << 255n) - 1n);
  return y < FIELD_PRIME && !SMALL_ORDER_Y.has(y);
}

/**
 * Verifies an Ed25519 signature (RFC 8032 §5.1.7) the same way in every provider: S >= L and a non-canonical or
 * small-order R or key are refused here, before libraries can disagree about them. Never throws.
 */
export function verifySignature(
  provider: CryptoProvider,
  signingKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signingKey.length !== 32 || signature.length !== 64) return false;
  if (readLittleEndian(signature.subarray(32)) >= GROUP_ORDER) return false;
  if (!isSoundPoint(signingKey) || !isSoundPoint(signature.subarray(0, 32))) return false;
  return provider.ed25519Verify(signingKey, message, signature);
}

/**
 * Whether a signing key maps to this public key: u = (1 + y) / (1 - y). It checks u (1 - y) = 1 + y mod p, which needs
 * no inversion.
 */
export function matchesSigningKey(publicKey: Uint8Array, signingKey: Uint8Array): boolean {
  if (publicKey.length !== 32 || signingKey.length !== 32 || !isSoundPoint(signingKey)) return false;
  const u = readLittleEndian(publicKey);
  const y = readLittleEndian(signingKey) & ((1n << 255n) - 1n);
  return u < FIELD_PRIME && (u * (1n - y) - 1n - y) % FIELD_PRIME === 0n;
}

/**
 * The message that `Identity.sign` signs. An application's signature can never be a registration (PROTOCOL §1).
 * @throws SwsError `invalid-length` for a context over 65,535 bytes
 */
export function applicationMessage(context: string, bytes: Uint8Array): Uint8Array {
  const name = encoder.encode(context);
  if (name.length > 65_535) throw new SwsError('invalid-length', 'a context is over 65,535 bytes');
  return concatBytes(encoder.encode('sws/1 app\0'), Uint8Array.of(name.length >> 8, name.length & 255), name, bytes);
}

/** Verifies a signature of `Identity.sign(context, bytes)`. `signingKey` is 64 hex digits. */
export function verify(
  provider: CryptoProvider,
  signingKey: string,
  context: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = decodeHex(signingKey);
  return key !== null && verifySignature(provider, key, applicationMessage(context, bytes), signature);
}

/** ASCII of a label; exported for `Identity`. */
export function labelBytes(label: string): Uint8Array {
  return encoder.encode(`sws/1 ${label}\0`);
}
