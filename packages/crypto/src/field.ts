/** The prime of Curve25519: 2^255 - 19 (RFC 7748 §4.1). */
export const P = 2n ** 255n - 19n;
/** The order of the base point's group (RFC 8032 §5.1). */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** A little-endian number. */
export function readLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}
