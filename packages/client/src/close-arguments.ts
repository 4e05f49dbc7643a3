import { MAX_REASON_BYTES } from '@sws/protocol/internal';

const encoder = new TextEncoder();

/** The length of a text in bytes of UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** A checked close code and reason. Without either, `code` is 1005 and the reason is empty. */
export interface CloseArguments {
  readonly code: number;
  readonly reason: string;
}

/** A close with neither code nor reason. */
export const EMPTY_CLOSE: CloseArguments = { code: 1005, reason: '' };

/**
 * Validates close code and reason (WHATWG WebSockets). A reason without a code is sent with 1000.
 * @throws DOMException InvalidAccessError unless `code` is 1000 or 3000–4999; SyntaxError for a reason over 123 bytes
 */
export function checkClose(code: number | undefined, reason: string): CloseArguments {
  if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999))
    throw new DOMException(`closeCode must be 1000 or 3000–4999, got ${code}`, 'InvalidAccessError');
  if (byteLength(reason) > MAX_REASON_BYTES)
    throw new DOMException(`reason must have at most ${MAX_REASON_BYTES} bytes of UTF-8`, 'SyntaxError');
  return { code: code ?? (reason === '' ? 1005 : 1000), reason };
}
