/** Why a library ended a connection by itself; `null` where it was merely lost or closed. */
export type SocketCause = 'bad-frame' | 'message-too-large' | null;

/** What is used of a server-side WebSocket. Each library has an adapter, and all pass one suite. */
export interface SocketLike {
  /** Sends one WebSocket message: text or binary. The socket owns `data` from here. */
  send(data: string | Uint8Array): void;
  /** Starts the closing handshake, behind everything that was sent. */
  close(code: number, reason: string): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
  /** Whether `pause` stops reading, so that TCP pushes back; where it can't, `pause` and `resume` do nothing. */
  readonly canPause: boolean;
  pause(): void;
  resume(): void;
  /** Bytes received so far, if the library tells: any byte is a sign of life. `null` where only messages tell. */
  bytesReceived(): number | null;
  /** A message: text, or bytes that the callee owns. */
  onmessage: ((data: string | Uint8Array) => void) | null;
  /** So many more of the messages sent, in their order, are with the kernel or were dropped with the socket. */
  onwritten: ((count: number) => void) | null;
  /** Called once. */
  onclose: ((cause: SocketCause) => void) | null;
}
