import { SwsError } from '@sws/crypto';
import type { SocketEnd } from './channel-socket.js';
import { type CloseArguments, checkClose, EMPTY_CLOSE } from './close-arguments.js';
import type { ClientFailureCode } from './sws-error.js';
import { toDictionary, toDomString, toEnforcedUnsignedShort } from './web-idl.js';

/** What a stream is asked to end with. */
export interface StreamCloseInfo {
  /** 1000 or 3000–4999. @defaultValue none is sent, and the peer sees 1005 */
  readonly closeCode?: number;
  /** A text for the peer, at most 123 bytes of UTF-8. @defaultValue empty */
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
export class SecureWebSocketStreamError extends SwsError<ClientFailureCode> {
  /** The close code: 1006 where the socket ended without a closing handshake. */
  readonly closeCode: number;
  /** The reason that was sent with the close code; empty for none. */
  readonly reason: string;

  /**
   * An error to end a stream with. `info` says how to close. @throws TypeError unless `info` is an object; DOMException as
   * `WebSocket.close` does
   */
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

/** How to close for the reason that `abort` or `cancel` was given: with the code of a SecureWebSocketStreamError, or else with none. */
export function closeFor(reason: unknown): CloseArguments {
  // An error of another stream may hold a code that cannot be sent.
  return reason instanceof SecureWebSocketStreamError && (reason.closeCode === 1000 || reason.closeCode >= 3000)
    ? { code: reason.closeCode, reason: reason.reason }
    : EMPTY_CLOSE;
}
