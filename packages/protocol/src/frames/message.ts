import { fail, type Result, succeed } from '../result.js';

/** The head of a binary MESSAGE, before its content: 0x01 || key (32) (PROTOCOL §3). */
export const MESSAGE_HEAD_BYTES = 33;
/** Every relay carries MESSAGEs of this many bytes, head included. */
export const MIN_MAX_MESSAGE_BYTES = 65_536;
/** No relay carries larger MESSAGEs. */
export const MAX_MAX_MESSAGE_BYTES = 1_048_576;
/** How much of the content UNDELIVERABLE repeats. */
export const UNDELIVERABLE_HEAD_BYTES = 25;
const TYPE = 1;

/** Encodes a binary MESSAGE. Both arrays are copied. */
export function encodeMessage(key: Uint8Array, content: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE_HEAD_BYTES + content.length);
  message[0] = TYPE;
  message.set(key, 1);
  message.set(content, MESSAGE_HEAD_BYTES);
  return message;
}

/** The key and the content of a binary MESSAGE, as views of it. */
export function decodeMessage(message: Uint8Array): Result<{ readonly key: Uint8Array; readonly content: Uint8Array }> {
  if (message[0] !== TYPE || message.length < MESSAGE_HEAD_BYTES) return fail('bad-frame', 'not a binary MESSAGE');
  return succeed({ key: message.subarray(1, MESSAGE_HEAD_BYTES), content: message.subarray(MESSAGE_HEAD_BYTES) });
}
