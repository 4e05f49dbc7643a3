import type { Failure } from '@sws/protocol';

/** What is used of a WebSocket class: the browser's, Node's `ws`, or one that you pass. */
export type WebSocketConstructor = new (url: string, protocols: string) => TransportSocket;

/** What is used of a WebSocket, under its own names. */
export interface TransportSocket {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** Bytes that were sent and are not with the network yet. */
  readonly bufferedAmount: number;
  /** 1 is OPEN. */
  readonly readyState: number;
  /** Called with each message: text, or an ArrayBuffer. */
  onmessage: ((event: { data: unknown }) => void) | null;
  /** Called once, when the connection has closed or could not be made. */
  onclose: ((event: { code: number }) => void) | null;
  /** Called before `onclose` where something failed. */
  onerror: ((event: never) => void) | null;
  /** Sends one message. The socket owns the bytes from here. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Why it could not be opened, once it is closed; browsers do not say. */
  readonly failure?: Failure | null;
  /** Holds what is sent back until `uncork`, so that it goes out in one write. Browsers do that by themselves. */
  cork?(): void;
  /** Sends what `cork` has held back. */
  uncork?(): void;
}
