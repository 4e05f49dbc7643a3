import fc from 'fast-check';
import { decodeHex } from '../src/index.js';

/** The prime of Curve25519. */
export const P = 2n ** 255n - 19n;
/** The order of the base point's group (RFC 8032 §5.1). */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;
/** The two u-coordinates of order 8 (https://cr.yp.to/ecdh.html#validate). */
export const ORDER_8_U = [
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

export function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

export function hex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === null) throw new Error(`not hex: ${text}`);
  return bytes;
}

export function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}
