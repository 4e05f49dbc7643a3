import { SwsError } from '@sws/crypto';
import type { SocketEnd } from './channel-socket.js';
import { type CloseArguments, checkClose, EMPTY_CLOSE } from './close-arguments.js';
import { toDictionary, toDomString, toEnforcedUnsignedShort } from './web-idl.js';

/** What a stream is asked to end with. */
export interface StreamCloseInfo {
  /** 1000 or 3000–4999. */
  readonly closeCode?: number;
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string;
}

/** The members of what `close` was given, converted and checked. @throws TypeError; DOMException as `WebSocket.close` does */
export function readCloseInfo(info: StreamCloseInfo | undefined): CloseArguments {
  const { closeCode, reason } = toDictionary(info);
  const code = closeCode === undefined ? undefined : toEnforcedUnsignedShort(closeCode);
  return checkClose(code, reason === undefined ? '' : toDomString(reason));
}

/**
 * How a stream ended without a clean close: `code` says why, `closeCode` and `reason` are those of the close event. One
 * that you make says how to close, as the proposal's WebSocketError does: `writable.abort(error)`, `readable.cancel(error)`.
 */
export class SecureWebSocketStreamError extends SwsError {
  readonly closeCode: number;
  readonly reason: string;

  /** @throws TypeError; DOMException as `WebSocket.close` does */
  constructor(message = '', info: StreamCloseInfo = {}, end: SocketEnd | null = null) {
    super(end?.failure?.code ?? 'connection-lost', message);
    const { code, reason } = end ?? readCloseInfo(info);
    this.closeCode = code;
    this.reason = reason;
  }

  /** @internal */
  static of(end: SocketEnd): SecureWebSocketStreamError {
    return new SecureWebSocketStreamError(end.failure?.message ?? `the socket closed with ${end.code}`, {}, end);
  }
}

/** How to close for the reason that `abort` or `cancel` was given: as it says if it is of the class above, else with no code. */
export function closeFor(reason: unknown): CloseArguments {
  // One that tells how another stream ended may hold what can not be sent.
  return reason instanceof SecureWebSocketStreamError && (reason.closeCode === 1000 || reason.closeCode >= 3000)
    ? { code: reason.closeCode, reason: reason.reason }
    : EMPTY_CLOSE;
}
