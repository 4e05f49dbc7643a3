const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The value of each letter by its char code; -1 for what is none. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => ALPHABET.indexOf(String.fromCharCode(code)));

/** base64url without padding (RFC 4648 §5). By hand: a library that is as strict costs a page three times as much. */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6) text += ALPHABET[(held >> (bits - 6)) & 63];
  }
  return bits === 0 ? text : text + ALPHABET[(held << (6 - bits)) & 63];
}

/** The bytes of base64url without padding, or `null` unless it is the one spelling that `encodeBase64url` gives. */
export function decodeBase64url(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  // A letter that is none is negative, and so is all that it is joined with.
  const valueAt = (index: number): number => VALUES[text.charCodeAt(index)] ?? -1;
  const tail = text.length % 4;
  const whole = text.length - tail;
  let at = 0;
  for (let i = 0; i < whole; i += 4) {
    const group = (valueAt(i) << 18) | (valueAt(i + 1) << 12) | (valueAt(i + 2) << 6) | valueAt(i + 3);
    if (group < 0) return null;
    bytes[at++] = group >> 16;
    bytes[at++] = group >> 8;
    bytes[at++] = group;
  }
  if (tail === 0) return bytes;
  const group = (valueAt(whole) << 12) | (valueAt(whole + 1) << 6) | (tail === 3 ? valueAt(whole + 2) : 0);
  // The bits that no byte takes are zero.
  if (group < 0 || (group & (tail === 3 ? 3 : 0x3ff)) !== 0) return null;
  bytes[at++] = group >> 10;
  if (tail === 3) bytes[at] = group >> 2;
  return bytes;
}
