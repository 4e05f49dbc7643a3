const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** The value of each ASCII character; 16 unless it is a lowercase hex digit. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return value < 0 ? 16 : value;
});

/** Encodes bytes as lowercase hex digits. */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/**
 * Decodes lowercase hex digits; `null` for anything else. Upper case is refused, so that a value has only one
 * spelling.
 */
export function decodeHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = VALUES[text.charCodeAt(2 * i)] ?? 16;
    const low = VALUES[text.charCodeAt(2 * i + 1)] ?? 16;
    if (high === 16 || low === 16) return null;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}
