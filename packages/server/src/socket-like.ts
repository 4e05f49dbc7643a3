/** Why a library ended a connection by itself; `null` where it was merely lost or closed. */
export type SocketCause = 'bad-frame' | 'message-too-large' | null;

/** A client that is closed gets this long to take its close frame. */
export const CLOSE_GRACE_MS = 2_000;

const encoder = new TextEncoder();
/** A close frame has room for so much of a reason (RFC 6455 §5.5). */
const room = new Uint8Array(123);

/** As much of a reason as a close frame has room for, in whole letters: libraries throw at more. */
export function closeReason(detail: string): string {
  return detail.slice(0, encoder.encodeInto(detail, room).read);
}

/** What is used of a server-side WebSocket. Each library has an adapter, and all adapters pass one suite. */
export interface SocketLike {
  /** Sends one WebSocket message: text or binary. The socket owns `data` from here. */
  send(data: string | Uint8Array): void;
  /** Starts the closing handshake, behind everything that was sent. */
  close(code: number, reason: string): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
  /** Whether `pause` stops reading, so that TCP pushes back; where it cannot, `pause` and `resume` do nothing. */
  readonly canPause: boolean;
  /** Stops reading. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Bytes received so far, if the library tells: any byte is a sign of life. `null` where only messages tell. */
  bytesReceived(): number | null;
  /** Called with each message: text, or bytes that the callee owns. */
  onmessage: ((data: string | Uint8Array) => void) | null;
  /**
   * Called with a number of frames that are not whole messages (pings, pongs, fragments before the last) and their bytes. A
   * library that hides some of them does not count them.
   */
  onframes: ((count: number, bytes: number) => void) | null;
  /** Called with how many more of the messages sent, in order, the kernel has or were dropped with the socket. In the end: all. */
  onwritten: ((count: number) => void) | null;
  /** Called once. */
  onclose: ((cause: SocketCause) => void) | null;
}
