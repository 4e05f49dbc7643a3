import { concatBytes, naclProvider, type RandomBytes } from '@sws/crypto';

const encoder = new TextEncoder();

/** Bytes that look random and are the same in every run: SHA-512 of a label and a counter. For vectors alone. */
export function seededRandom(label: string): RandomBytes {
  let counter = 0;
  let pool: Uint8Array = new Uint8Array(0);
  return (length) => {
    while (pool.length < length) {
      pool = concatBytes(pool, naclProvider.sha512(encoder.encode(`sws vectors ${label} ${counter++}`)));
    }
    const bytes = pool.slice(0, length);
    pool = pool.subarray(length);
    return bytes;
  };
}
