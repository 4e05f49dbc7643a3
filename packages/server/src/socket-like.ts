/** Why a library ended a connection itself; `null` if the connection was lost or closed. */
export type SocketCause = 'bad-frame' | 'message-too-large' | null;

/** How long a client may take to receive its close frame. */
export const CLOSE_GRACE_MS = 2_000;

const encoder = new TextEncoder();
/** A close frame has room for this long a reason (RFC 6455 §5.5). */
const room = new Uint8Array(123);

/** Cuts a reason to the room in a close frame, at whole characters. Libraries throw if a reason is longer. */
export function closeReason(detail: string): string {
  return detail.slice(0, encoder.encodeInto(detail, room).read);
}

/** The members of a server-side WebSocket that we use. Each library has an adapter, and all adapters pass one suite. */
export interface SocketLike {
  /** Sends one WebSocket message: text or binary. The socket owns `data` from here. */
  send(data: string | Uint8Array): void;
  /** Starts the closing handshake, after everything that was sent. */
  close(code: number, reason: string): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
  /** Whether `pause` stops reading, which makes TCP push back. If false, `pause` and `resume` do nothing. */
  readonly canPause: boolean;
  /** Stops reading. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Bytes received so far; any byte is a sign of life. `null` if the library does not report them. */
  bytesReceived(): number | null;
  /** Called with each message: text, or bytes that the callee owns. */
  onmessage: ((data: string | Uint8Array) => void) | null;
  /**
   * Called with a number of frames that are not whole messages (pings, pongs, fragments before the last) and their
   * bytes. A library that hides some of them does not count them.
   */
  onframes: ((count: number, bytes: number) => void) | null;
  /**
   * Called with how many more of the sent messages, in order, the kernel has taken or were dropped with the socket. The
   * counts finally add up to all messages.
   */
  onwritten: ((count: number) => void) | null;
  /** Called once. */
  onclose: ((cause: SocketCause) => void) | null;
}
