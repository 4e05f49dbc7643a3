import type { Failure, RelayFrame } from '@sws/protocol';

/** What the router needs of a registered connection. `ServerSecureWebSocket` of `@sws/server` implements it. */
export interface RegisteredSocket {
  /** 64 hex digits. */
  readonly publicKey: string;
  /** 32 bytes; not to be changed. */
  readonly publicKeyBytes: Uint8Array;
  /** The term of this registration (PROTOCOL §2). */
  readonly term: number;
  /** The network for which this client's queue counts: its IPv4 address or IPv6 /64; `null` if unknown. */
  readonly network: string | null;
  /**
   * Sends one binary MESSAGE, whose key bytes hold the sender, to this client. The socket owns the bytes from here. A
   * MESSAGE under 8 KiB may be a view of a larger buffer: copy it if it waits longer than this turn of the event loop.
   */
  deliver(message: Uint8Array): void;
  /** Sends a frame of the relay's own. */
  notify(frame: RelayFrame): void;
  /** Closes with the failure's close code. */
  close(failure: Failure): void;
  /** Set by the router. Called with each binary MESSAGE (0x01, 32 bytes of key, content); the callee owns the bytes. */
  onmessage: ((message: Uint8Array) => void) | null;
  /**
   * Set by the router. Called with how many more of the delivered MESSAGEs, in order, the kernel has taken or were
   * dropped. The counts finally add up to all MESSAGEs; some come after `onclose`. Until then the relay holds them.
   */
  onwritten: ((count: number) => void) | null;
  /** Set by the router; called once. */
  onclose: (() => void) | null;
}
