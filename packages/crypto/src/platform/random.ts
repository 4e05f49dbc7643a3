import type { RandomBytes } from '../provider.js';

/** Web Crypto fills at most this many bytes at a time. */
const CHUNK_BYTES = 65_536;

/** Random bytes from Web Crypto: browsers, Node, Bun and Deno. */
export const randomBytes: RandomBytes = (length) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += CHUNK_BYTES)
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + CHUNK_BYTES));
  return bytes;
};
