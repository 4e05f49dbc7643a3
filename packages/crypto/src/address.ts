import { FIELD_PRIME, readLittleEndian } from './field.js';
import { decodeHex } from './hex.js';
import { SwsError } from './sws-error.js';

/** The number of hex digits of an address. */
export const ADDRESS_DIGITS = 64;

/**
 * The canonical u-coordinates of the low-order points on Curve25519 and its twist
 * (https://cr.yp.to/ecdh.html#validate).
 */
const LOW_ORDER = new Set([
  0n,
  1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  FIELD_PRIME - 1n,
]);

/** Whether 32 bytes are a canonical X25519 public key (below 2^255 - 19, top bit clear) and not of low order. */
export function isUsablePublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  const u = readLittleEndian(bytes);
  return u < FIELD_PRIME && !LOW_ORDER.has(u);
}

/** The 32 bytes of an address, or `null` if `parseAddress` would throw. */
export function readAddress(text: string): Uint8Array | null {
  if (text.length !== ADDRESS_DIGITS) return null;
  const bytes = decodeHex(text);
  return bytes !== null && isUsablePublicKey(bytes) ? bytes : null;
}

/**
 * The 32 bytes of an address: 64 lowercase hex digits of a canonical X25519 public key (PROTOCOL §1).
 * @throws SwsError `invalid-address`; `low-order-key`
 */
export function parseAddress(text: string): Uint8Array {
  const bytes = text.length === ADDRESS_DIGITS ? decodeHex(text) : null;
  if (bytes === null) throw new SwsError('invalid-address', `address must be ${ADDRESS_DIGITS} lower-case hex digits`);
  const u = readLittleEndian(bytes);
  if (u >= FIELD_PRIME) throw new SwsError('invalid-address', 'address must be below 2^255 - 19');
  if (LOW_ORDER.has(u)) throw new SwsError('low-order-key', 'address is a low-order point');
  return bytes;
}
