import { readFileSync } from 'node:fs';
import { decodeHex } from '@sws/crypto';

/** The text of a file in `vectors/`. */
export function readText(name: string): string {
  return readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8');
}

/** A checked-in vector file; `T` is what its maker gives. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readText(name)) as T;
}

/** The bytes of a vector's hex digits. */
export function unhex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === null) throw new Error(`not hex: ${text}`);
  return bytes;
}
