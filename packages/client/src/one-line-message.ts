/** The subprotocol of `send` and `message`: one JSON text or one binary message each (MESSAGES.md). */
export const MESSAGE_PROTOCOL = 'sws.message.v1';
/** What a peer is told that sends a text which is not JSON. */
export const NOT_JSON = { code: 3003, reason: 'not JSON' } as const;

/** What goes over the channel for a value: bytes as they are, anything else as JSON. @throws TypeError for a value that JSON does not have */
export function encodeOneLine(value: unknown): string | ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value as ArrayBuffer;
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`value must be JSON or bytes, got ${typeof value}`);
  return text;
}

/** The value of what came; `null` for a text that is not JSON. */
export function decodeOneLine(data: unknown): { readonly value: unknown } | null {
  if (typeof data !== 'string') return { value: data };
  try {
    return { value: JSON.parse(data) };
  } catch {
    return null;
  }
}
