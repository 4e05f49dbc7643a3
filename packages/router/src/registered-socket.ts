import type { Failure, RelayFrame } from '@sws/protocol';

/** What the router needs of a registered connection; `@sws/server`'s `ServerSecureWebSocket` has it. */
export interface RegisteredSocket {
  /** 64 hex digits. */
  readonly publicKey: string;
  /** 32 bytes; not to be changed. */
  readonly publicKeyBytes: Uint8Array;
  /** The term of this registration (PROTOCOL §2). */
  readonly term: number;
  /** Whom what waits for this client counts for: its IPv4 address or IPv6 /64; `null` where it is not known. */
  readonly network: string | null;
  /** Gives one MESSAGE to this client: a binary MESSAGE whose key bytes hold the sender. The socket owns it from here. */
  deliver(message: Uint8Array): void;
  /** Sends a frame of the relay's own. */
  notify(frame: RelayFrame): void;
  /** Closes with the failure's close code. */
  close(failure: Failure): void;
  /** Set by the router: a whole binary MESSAGE (0x01, 32 bytes of key, content) as it came, owned by the callee. */
  onmessage: ((message: Uint8Array) => void) | null;
  /**
   * Set by the router: so many more of the MESSAGEs delivered, in their order, have been handed to the kernel or dropped. In
   * the end it has told of each, after `onclose` too: until then the relay holds it.
   */
  onwritten: ((count: number) => void) | null;
  /** Set by the router; called once. */
  onclose: (() => void) | null;
}
