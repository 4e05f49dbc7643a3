import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import type { SocketCause, SocketLike } from '../socket-like.js';
import { frameBytes, writeFrame, writeHead } from './server-frame.js';

/** What is used of the TCP or TLS socket below a `ws` socket. */
type Raw = Duplex & { readonly bytesRead?: number };

/** Payloads from here on are handed to the kernel where they lie; smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;

/**
 * A `ws` socket as a `SocketLike`; `raw` is the TCP or TLS socket it runs on (`request.socket`). Messages sent within one
 * turn of the event loop are framed here and go to the kernel in one write: `ws` itself makes one for each message. Make
 * it in the same turn as the upgrade: a message before that would be missed.
 */
export function wsSocket(socket: WebSocket, raw: Raw): SocketLike {
  return new WsSocket(socket, raw);
}

class WsSocket implements SocketLike, TurnTask {
  readonly canPause = true;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: ((cause: SocketCause) => void) | null = null;
  readonly #socket: WebSocket;
  readonly #raw: Raw;
  #cause: SocketCause = null;
  /** What this turn has sent. */
  #batch: (string | Uint8Array)[] | null = null;
  /** The messages of each write that has not come back. */
  #written: { counts: number[]; readonly done: () => void } | null = null;

  constructor(socket: WebSocket, raw: Raw) {
    this.#socket = socket;
    this.#raw = raw;
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      this.onmessage?.(isBinary ? data : data.toString('utf8')),
    );
    socket.on('close', () => this.onclose?.(this.#cause));
    // ws reports what breaks RFC 6455 here and then closes; 'close' tells the rest.
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#cause = 'message-too-large';
      else if (error.code?.startsWith('WS_ERR_')) this.#cause = 'bad-frame';
    });
  }

  send(data: string | Uint8Array): void {
    if (this.#batch === null) {
      this.#batch = [data];
      atEndOfTurn(this);
    } else this.#batch.push(data);
  }
  close(code: number, reason: string): void {
    this.endTurn();
    this.#socket.close(code, reason);
  }
  terminate(): void {
    this.#socket.terminate();
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
  bytesReceived(): number | null {
    return this.#raw.bytesRead ?? null;
  }

  endTurn(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    if (this.#socket.readyState !== 1 || this.#raw.destroyed) return this.onwritten?.(batch.length);
    this.#written ??= { counts: [], done: () => this.onwritten?.(this.#written?.counts.shift() ?? 0) };
    this.#written.counts.push(batch.length);
    // A receiver that is behind gets copies: a payload where it lies may keep the whole chunk alive that it came in.
    if (batch.length === 1 && this.#raw.writableLength === 0) this.#writeOne(batch[0] ?? '', this.#written.done);
    else this.#writeMany(batch, this.#raw.writableLength > 0, this.#written.done);
  }

  #writeOne(data: string | Uint8Array, done: () => void): void {
    if (data.length >= COPY_BELOW_BYTES) return this.#writeMany([data], false, done);
    const frame = Buffer.allocUnsafe(frameBytes(data));
    writeFrame(frame, 0, data);
    this.#raw.write(frame, done);
  }

  /** Small frames are copied together, large payloads stay where they lie; all of it is one write to the kernel. */
  #writeMany(batch: readonly (string | Uint8Array)[], copyAll: boolean, done: () => void): void {
    const parts: Uint8Array[] = [];
    let first = 0;
    let bytes = 0;
    const flush = (end: number, more: number): Buffer => {
      const frames = Buffer.allocUnsafe(bytes + more);
      let at = 0;
      for (let i = first; i < end; i++) at = writeFrame(frames, at, batch[i] ?? '');
      parts.push(frames);
      first = end + 1;
      bytes = 0;
      return frames;
    };
    for (let i = 0; i < batch.length; i++) {
      const data = batch[i] ?? '';
      if (copyAll || typeof data === 'string' || data.length < COPY_BELOW_BYTES) bytes += frameBytes(data);
      else {
        const head = frameBytes(data) - data.length;
        const frames = flush(i, head);
        writeHead(frames, frames.length - head, 2, data.length);
        parts.push(data);
      }
    }
    if (bytes > 0) flush(batch.length, 0);
    const last = parts.length - 1;
    if (last === 0) return void this.#raw.write(parts[0], done);
    this.#raw.cork();
    for (let i = 0; i < last; i++) this.#raw.write(parts[i]);
    this.#raw.write(parts[last], done);
    this.#raw.uncork();
  }
}
