// The one platform facility that the core uses: ECMAScript has no text encoding of its own (WHATWG Encoding Standard).
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 of a string; lone surrogates become U+FFFD, as WHATWG WebSocket `send` has it. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The string that the bytes are UTF-8 of, or `null`. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
