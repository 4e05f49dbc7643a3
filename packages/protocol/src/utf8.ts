// The only platform facility that the core uses, because ECMAScript has no text encoding (WHATWG Encoding Standard).
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 of a string. Lone surrogates become U+FFFD, as in `send` of the WHATWG WebSocket. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The string of the UTF-8 bytes, or `null` if they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
