/** What is used of a server-side WebSocket; each library has an adapter. */
export interface SocketLike {
  /** `done` is called once: written to the kernel, or dropped with the socket. The socket owns `data` from here. */
  send(data: string | Uint8Array, done?: () => void): void;
  close(code: number, reason: string): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
  /** Stops reading; false where the library can't. */
  pause(): boolean;
  resume(): void;
  /** A message: text, or bytes that the callee owns. */
  onmessage: ((data: string | Uint8Array) => void) | null;
  /** Called once. */
  onclose: (() => void) | null;
}
