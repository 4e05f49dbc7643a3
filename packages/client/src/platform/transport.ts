import type { Failure } from '@sws/protocol';

/** A WebSocket class: the browser's, Node's `ws`, or one that you pass. */
export type WebSocketConstructor = new (url: string, protocols: string) => TransportSocket;

/** The members of a WebSocket that the client uses. */
export interface TransportSocket {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** Sent bytes that are not with the network yet. */
  readonly bufferedAmount: number;
  /** 1 is OPEN. */
  readonly readyState: number;
  /** Called with each message: text, or an ArrayBuffer. */
  onmessage: ((event: { data: unknown }) => void) | null;
  /** Called once, when the connection has closed or could not be made. */
  onclose: ((event: { code: number }) => void) | null;
  /** Called on an error; `onclose` follows. */
  onerror: ((event: never) => void) | null;
  /** Sends one message. It must not change the bytes, and must have copied them when it returns. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Once closed: why it could not be opened. Browsers do not tell. */
  readonly failure?: Failure | null;
  /** Buffers sent frames until `uncork`, to send them in one write. Browsers do that themselves. */
  cork?(): void;
  /** Sends the frames that `cork` has buffered. */
  uncork?(): void;
}
