/** The prime of Curve25519: 2^255 - 19 (RFC 7748 §4.1). */
export const P = 2n ** 255n - 19n;
/** The order of the base point's group (RFC 8032 §5.1). */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** A little-endian number of a multiple of eight bytes. */
export function readLittleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let value = 0n;
  for (let at = bytes.length - 8; at >= 0; at -= 8) value = (value << 64n) | view.getBigUint64(at, true);
  return value;
}
