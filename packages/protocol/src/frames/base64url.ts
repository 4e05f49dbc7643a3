const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The value of each letter by its char code; -1 for other characters. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => ALPHABET.indexOf(String.fromCharCode(code)));

/** Encodes base64url without padding (RFC 4648 §5). An equally strict library would be three times as large. */
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

/** Decodes base64url without padding; `null` unless it is exactly the text that `encodeBase64url` returns. */
export function decodeBase64url(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  // The value of an invalid letter is negative, and makes the whole group negative.
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
  // Unused bits must be zero.
  if (group < 0 || (group & (tail === 3 ? 3 : 0x3ff)) !== 0) return null;
  bytes[at++] = group >> 10;
  if (tail === 3) bytes[at] = group >> 2;
  return bytes;
}
