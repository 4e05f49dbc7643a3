import { decodeHex, encodeHex } from '@sws/crypto';

const encoder = new TextEncoder();

/** The bytes of hex digits that a vector is written with. */
export function unhex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === null) throw new Error(`not hex: ${text}`);
  return bytes;
}

export const hex = encodeHex;
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** 32 bytes, little-endian. */
export function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** A copy with one bit of the byte at `index` (from the end if negative) turned over. */
export function flipped(bytes: Uint8Array, index: number, bit = 1): Uint8Array {
  const copy = bytes.slice();
  const at = index < 0 ? copy.length + index : index;
  copy[at] = (copy[at] ?? 0) ^ bit;
  return copy;
}

/** The same record with hex digits for bytes. */
export function hexOf<T extends Readonly<Record<string, Uint8Array>>>(values: T): { [K in keyof T]: string } {
  const entries = Object.entries(values).map(([name, bytes]) => [name, hex(bytes)]);
  return Object.fromEntries(entries) as { [K in keyof T]: string };
}
