import { fail, type Result, succeed } from '../result.js';
import { decodeUtf8, encodeUtf8 } from '../utf8.js';

/** A close reason has at most this many bytes of UTF-8 (RFC 6455 §5.5). */
export const MAX_REASON_BYTES = 123;

/** The content of a close frame. `code` 1005 with an empty reason stands for an empty close (RFC 6455 §7.1.5). */
export interface CloseStatus {
  readonly code: number;
  readonly reason: string;
}

/** Whether a close code may travel in a close frame (RFC 6455 §7.4). */
export function isSendableCloseCode(code: number): boolean {
  return (
    Number.isInteger(code) &&
    ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999))
  );
}

/** The bytes of a close frame: empty for 1005. */
export function encodeClose(status: CloseStatus): Uint8Array {
  if (status.code === 1005) return new Uint8Array(0);
  const reason = encodeUtf8(status.reason);
  const bytes = new Uint8Array(2 + reason.length);
  new DataView(bytes.buffer).setUint16(0, status.code);
  bytes.set(reason, 2);
  return bytes;
}

/** Reads a close frame's bytes. A failure is `protocol-error`, or `invalid-text` for a reason that is not UTF-8. */
export function decodeClose(bytes: Uint8Array): Result<CloseStatus> {
  if (bytes.length === 0) return succeed({ code: 1005, reason: '' });
  if (bytes.length < 2) return fail('protocol-error', 'a close of one byte');
  if (bytes.length > 2 + MAX_REASON_BYTES)
    return fail('protocol-error', `a close reason is over ${MAX_REASON_BYTES} bytes`);
  const code = new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
  if (!isSendableCloseCode(code)) return fail('protocol-error', `close code ${code} may not be sent`);
  const reason = decodeUtf8(bytes.subarray(2));
  return reason === null ? fail('invalid-text', 'a close reason is not UTF-8') : succeed({ code, reason });
}
