import type { RelayFrame } from '@sws/protocol';
import type { SocketCause, SocketLike } from '../src/index.js';

/** A socket that never writes until told. */
export class FakeSocket implements SocketLike {
  readonly canPause: boolean;
  readonly sent: (string | Uint8Array)[] = [];
  reading = true;
  ended: number | 'terminated' | null = null;
  bytes: number | null = null;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onframes: ((count: number, bytes: number) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: ((cause: SocketCause) => void) | null = null;

  constructor(canPause = true) {
    this.canPause = canPause;
  }
  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }
  close(code: number, _reason: string): void {
    this.ended ??= code;
  }
  terminate(): void {
    this.ended ??= 'terminated';
  }
  pause(): void {
    this.reading = false;
  }
  resume(): void {
    this.reading = true;
  }
  bytesReceived(): number | null {
    return this.bytes;
  }
  get frames(): RelayFrame[] {
    return this.sent.filter((data) => typeof data === 'string').map((text) => JSON.parse(String(text)));
  }
}
