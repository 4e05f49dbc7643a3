import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import type { SocketCause, SocketLike } from '../socket-like.js';
import { BINARY, frameBytes, headBytes, writeFrame, writeHead } from './server-frame.js';

/** What is used of the TCP or TLS socket below a `ws` socket. */
type Raw = Duplex & { readonly bytesRead?: number };

/** After an error a client gets this long to take the close frame. */
const CLOSE_GRACE_MS = 2_000;
/** Payloads from here on go to the kernel from where they lie; smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;
/** Large payloads wait for no more than this, and no longer than what is being read now: they are still in the processor's cache. */
const WRITE_BYTES = 65_536;

/**
 * A `ws` socket as a `SocketLike`; `raw` is the TCP or TLS socket it runs on (`request.socket`). Messages sent within one
 * turn of the event loop are framed here and go to the kernel in one write: `ws` itself makes one for each message. Make
 * it in the same turn as the upgrade: a message before that would be missed.
 */
export function wsSocket(socket: WebSocket, raw: Raw): SocketLike {
  return new WsSocket(socket, raw);
}

const ADAPTER = Symbol('adapter');
type Carrying = WebSocket & { [ADAPTER]?: WsSocket };

function onMessage(this: Carrying, data: Buffer, isBinary: boolean): void {
  this[ADAPTER]?.onmessage?.(isBinary ? data : data.toString('utf8'));
}
function onClose(this: Carrying): void {
  this[ADAPTER]?.ended(null);
}
/** ws reports what breaks RFC 6455 here, and closes. */
function onError(this: Carrying, { code }: Error & { code?: string }): void {
  if (code === undefined || !code.startsWith('WS_ERR_')) return;
  this[ADAPTER]?.ended(code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'message-too-large' : 'bad-frame');
  this[ADAPTER]?.leave();
}

class WsSocket implements SocketLike, TurnTask {
  readonly canPause = true;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: ((cause: SocketCause) => void) | null = null;
  readonly #socket: WebSocket;
  readonly #raw: Raw;
  #over = false;
  /** What this turn has sent. */
  #batch: (string | Uint8Array)[] | null = null;
  #largeBytes = 0;

  constructor(socket: WebSocket, raw: Raw) {
    this.#socket = socket;
    this.#raw = raw;
    (socket as Carrying)[ADAPTER] = this;
    // The same functions for all sockets: one of its own for each event would cost every idle connection memory.
    socket.on('message', onMessage);
    socket.on('close', onClose);
    socket.on('error', onError);
  }

  send(data: string | Uint8Array): void {
    if (this.#batch === null) {
      this.#batch = [data];
      atEndOfTurn(this);
    } else this.#batch.push(data);
    if (!isLarge(data)) return;
    this.#largeBytes += data.length;
    if (this.#largeBytes >= WRITE_BYTES) this.endTurn();
    else if (this.#largeBytes === data.length) process.nextTick(flush, this);
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

  ended(cause: SocketCause): void {
    if (this.#over) return;
    this.#over = true;
    this.onclose?.(cause);
  }

  /** ws would read and drop whatever else comes until the client closes: a flood is better left in the kernel. */
  leave(): void {
    setImmediate(() => this.#raw.pause());
    setTimeout(() => this.#raw.destroy(), CLOSE_GRACE_MS).unref();
  }

  endTurn(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#largeBytes = 0;
    if (this.#socket.readyState !== 1 || this.#raw.destroyed) return this.onwritten?.(batch.length);
    this.#write(batch, () => this.onwritten?.(batch.length));
  }

  /** Small messages and heads are copied together; large ones stay where they lie. All is one write to the kernel. */
  #write(batch: readonly (string | Uint8Array)[], done: () => void): void {
    let bytes = 0;
    for (const data of batch) bytes += isLarge(data) ? headBytes(data.length) : frameBytes(data);
    const frames = Buffer.allocUnsafe(bytes);
    const raw = this.#raw;
    raw.cork();
    let from = 0;
    let at = 0;
    for (const data of batch) {
      if (!isLarge(data)) {
        at = writeFrame(frames, at, data);
        continue;
      }
      at = writeHead(frames, at, BINARY, data.length);
      raw.write(frames.subarray(from, at));
      raw.write(data, at === bytes ? done : undefined);
      from = at;
    }
    if (from < bytes) raw.write(frames.subarray(from), done);
    raw.uncork();
  }
}

function isLarge(data: string | Uint8Array): data is Uint8Array {
  return typeof data === 'object' && data.length >= COPY_BELOW_BYTES;
}
function flush(socket: WsSocket): void {
  socket.endTurn();
}
