import { SwsError } from '@sws/crypto';
import type { SocketEnd } from './channel-socket.js';
import { type CloseArguments, checkClose, EMPTY_CLOSE } from './close-arguments.js';
import type { ClientFailureCode } from './sws-error.js';
import { toDictionary, toDomString, toEnforcedUnsignedShort } from './web-idl.js';

/** The close code and reason of a stream. */
export interface StreamCloseInfo {
  /** 1000 or 3000–4999. Set it to tell the peer why. @defaultValue none is sent, and the peer sees 1005 */
  readonly closeCode?: number;
  /** A text for the peer, at most 123 bytes of UTF-8. @defaultValue empty */
  readonly reason?: string;
}

/** Converts and checks the argument of `close`. @throws TypeError; DOMException as `WebSocket.close` does */
export function readCloseInfo(info: StreamCloseInfo | undefined): CloseArguments {
  const { closeCode, reason } = toDictionary(info);
  const code = closeCode === undefined ? undefined : toEnforcedUnsignedShort(closeCode);
  return checkClose(code, reason === undefined ? '' : toDomString(reason));
}

/**
 * The error of a stream that ended without a clean close. `code` says why; `closeCode` and `reason` are those of the
 * close event. You can also create one to say how to close, like the proposal's WebSocketError:
 * `writable.abort(error)`, `readable.cancel(error)`.
 */
export class SecureWebSocketStreamError extends SwsError<ClientFailureCode> {
  /** The close code; 1006 if the socket ended without a closing handshake. */
  readonly closeCode: number;
  /** The reason that was sent with the close code; empty for none. */
  readonly reason: string;

  /**
   * Creates an error to end a stream with. `info` says how to close. @throws TypeError unless `info` is an object;
   * DOMException as `WebSocket.close` does
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

/** The close for the argument of `abort` or `cancel`: the code of a SecureWebSocketStreamError, otherwise no code. */
export function closeFor(reason: unknown): CloseArguments {
  // An error from another stream may have a code that cannot be sent.
  return reason instanceof SecureWebSocketStreamError && (reason.closeCode === 1000 || reason.closeCode >= 3000)
    ? { code: reason.closeCode, reason: reason.reason }
    : EMPTY_CLOSE;
}
