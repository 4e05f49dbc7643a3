/** The subprotocol of `send` and `message`: one JSON text or one binary message each (MESSAGES.md). */
export const MESSAGE_PROTOCOL = 'sws.message.v1';
/** The close for a peer that sends a text that is not JSON. */
export const NOT_JSON = { code: 3003, reason: 'not JSON' } as const;

/** Encodes a value for the channel: bytes unchanged, all else as JSON. @throws TypeError for a value that JSON lacks */
export function encodeOneLine(value: unknown): string | ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value as ArrayBuffer;
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`value must be JSON or bytes, got ${typeof value}`);
  return text;
}

/** Decodes received data; `null` for a text that is not JSON. */
export function decodeOneLine(data: unknown): { readonly value: unknown } | null {
  if (typeof data !== 'string') return { value: data };
  try {
    return { value: JSON.parse(data) };
  } catch {
    return null;
  }
}
