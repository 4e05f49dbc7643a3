import type { Failure, RelayFrame } from '@sws/protocol';

/** What the router needs of a registered connection; `@sws/server`'s `ServerSecureWebSocket` has it. */
export interface RegisteredSocket {
  /** 64 hex digits. */
  readonly publicKey: string;
  /** 32 bytes; not to be changed. */
  readonly publicKeyBytes: Uint8Array;
  readonly term: number;
  /**
   * Gives one MESSAGE to this client: a binary MESSAGE whose key bytes hold the sender. The socket owns it from here.
   * `done` is called once: when it has been handed to the kernel, or dropped with the connection.
   */
  deliver(message: Uint8Array, done: () => void): void;
  /** Sends a frame of the relay's own. */
  notify(frame: RelayFrame): void;
  /** Closes with the failure's close code. */
  close(failure: Failure): void;
  /** Set by the router: a binary MESSAGE as it came, owned by the callee. */
  onmessage: ((message: Uint8Array) => void) | null;
  onclose: (() => void) | null;
}
