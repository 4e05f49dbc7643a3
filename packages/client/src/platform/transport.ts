/** What is used of a WebSocket class: the browser's, Node's `ws`, or one that you pass. */
export type WebSocketConstructor = new (url: string, protocols: string) => TransportSocket;

export interface TransportSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  /** 1 is OPEN. */
  readonly readyState: number;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Holds what is sent back until `uncork`, so that it goes out in one write. Browsers do that by themselves. */
  cork?(): void;
  uncork?(): void;
}
