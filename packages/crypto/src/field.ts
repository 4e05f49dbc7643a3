/** The prime of Curve25519: 2^255 - 19 (RFC 7748 §4.1). */
export const FIELD_PRIME = 2n ** 255n - 19n;
/** The order of the base point's group (RFC 8032 §5.1). */
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const words = new DataView(new ArrayBuffer(64));
const wordBytes = new Uint8Array(words.buffer);

/**
 * Reads a little-endian number of a multiple of eight bytes, at most 64. It reads a copy, because a view of a small
 * array's buffer makes V8 move the buffer out of its heap. Keys that are kept for long would each take some kilobytes
 * more.
 */
export function readLittleEndian(bytes: Uint8Array): bigint {
  wordBytes.set(bytes);
  let value = 0n;
  for (let at = bytes.length - 8; at >= 0; at -= 8) value = (value << 64n) | words.getBigUint64(at, true);
  return value;
}
