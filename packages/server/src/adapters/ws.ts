import type { Duplex } from 'node:stream';
import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import { CLOSE_GRACE_MS, type SocketCause, type SocketLike } from '../socket-like.js';
import { FrameCounter } from './frame-counter.js';
import { BINARY, frameBytes, headBytes, writeFrame, writeHead } from './server-frame.js';

const ADAPTER = Symbol('adapter');

/** The members of a `ws` socket that we use, declared here to avoid a dependency on the types of `ws`. */
export interface WsServerSocket {
  readonly readyState: number;
  on(event: string, listener: (...given: never[]) => void): unknown;
  pong(data: Uint8Array, mask: boolean, written: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** The members that we use of the TCP or TLS socket below a `ws` socket. */
type Raw = Duplex & { readonly bytesRead?: number };

/** Payloads of at least this size go to the kernel without a copy. Smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;
/** Large payloads wait only for this much, or for the end of the present read, while the processor's cache has them. */
const WRITE_BYTES = 65_536;

/**
 * A `ws` socket as a `SocketLike`; `raw` is the TCP or TLS socket below it (`request.socket`). The messages of one turn
 * of the event loop go to the kernel in one write; `ws` alone would write each separately. Call this in the same turn
 * as the upgrade: earlier messages are missed. The socket answers pings itself: give the `WebSocketServer`
 * `autoPong: false`, or each ping is answered twice.
 */
export function wsSocket(socket: WsServerSocket, raw: Raw): SocketLike {
  return new WsSocket(socket, raw);
}

/** An object that carries a `WsSocket`, which sets itself in its constructor. */
type Carrying<Carrier> = Carrier & { [ADAPTER]: WsSocket };

function onMessage(this: Carrying<WsServerSocket>, data: Buffer, isBinary: boolean): void {
  this[ADAPTER].onmessage?.(isBinary ? data : data.toString('utf8'));
}
function onPing(this: Carrying<WsServerSocket>, data: Buffer): void {
  this[ADAPTER].pinged(data);
}
function onData(this: Carrying<Raw>, chunk: Buffer): void {
  this[ADAPTER].received(chunk);
}
function onClose(this: Carrying<WsServerSocket>): void {
  this[ADAPTER].ended(null);
}
/** `ws` reports violations of RFC 6455 here, and closes. */
function onError(this: Carrying<WsServerSocket>, { code }: Error & { code?: string }): void {
  if (code === undefined || !code.startsWith('WS_ERR_')) return;
  this[ADAPTER].ended(code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'message-too-large' : 'bad-frame');
  this[ADAPTER].leave();
}

class WsSocket implements SocketLike, TurnTask {
  readonly canPause = true;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onframes: ((count: number, bytes: number) => void) | null = null;
  onclose: ((cause: SocketCause) => void) | null = null;
  readonly #socket: WsServerSocket;
  readonly #raw: Raw;
  readonly #frames = new FrameCounter();
  /** The latest ping that has no answer yet. */
  #ping: Buffer | null = null;
  #answering = false;
  #over = false;
  /** The messages of this turn. */
  #batch: (string | Uint8Array)[] | null = null;
  #largeBytes = 0;

  constructor(socket: WsServerSocket, raw: Raw) {
    this.#socket = socket;
    this.#raw = raw;
    (socket as Carrying<WsServerSocket>)[ADAPTER] = this;
    // All sockets share these functions, because a closure per event would cost memory for every idle connection.
    (raw as Carrying<Raw>)[ADAPTER] = this;
    raw.on('data', onData);
    socket.on('message', onMessage);
    socket.on('ping', onPing);
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

  /** Called with each received chunk, after `ws` has read it. */
  received(chunk: Buffer): void {
    const counter = this.#frames;
    counter.read(chunk);
    if (counter.frames === 0) return;
    const { frames, bytes } = counter;
    counter.reset();
    this.onframes?.(frames, bytes);
  }

  /** Answers only the latest of many pings (RFC 6455 §5.5.3), once the kernel has the previous answer. */
  pinged(data: Buffer): void {
    const first = this.#ping === null;
    this.#ping = Buffer.from(data);
    if (first && !this.#answering) atEndOfTurn(this);
  }

  #answerPing(): void {
    const data = this.#ping;
    if (data === null || this.#answering) return;
    this.#ping = null;
    this.#answering = true;
    this.#socket.pong(data, false, () => {
      this.#answering = false;
      this.#answerPing();
    });
  }

  ended(cause: SocketCause): void {
    if (this.#over) return;
    this.#over = true;
    this.onclose?.(cause);
  }

  /** Stops reading. `ws` would read and drop everything until the client closes; a flood can stay in the kernel. */
  leave(): void {
    setImmediate(() => this.#raw.pause());
    setTimeout(() => this.#raw.destroy(), CLOSE_GRACE_MS).unref();
  }

  endTurn(): void {
    if (this.#ping !== null) this.#answerPing();
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#largeBytes = 0;
    const { length } = batch;
    if (this.#socket.readyState !== 1 || this.#raw.destroyed) return this.onwritten?.(length);
    // The callback lives until the last byte is written, so it must not reference the messages that were copied.
    this.#write(batch, this.#toldWritten(length));
  }

  #toldWritten(count: number): () => void {
    return () => this.onwritten?.(count);
  }

  /** Copies small messages and heads together, and passes large ones without a copy, in one write to the kernel. */
  #write(batch: readonly (string | Uint8Array)[], done: () => void): void {
    let bytes = 0;
    for (const data of batch) bytes += isLarge(data) ? headBytes(data.length) : frameBytes(data);
    const frames = Buffer.allocUnsafe(bytes);
    const raw = this.#raw;
    const mustWait = raw.writableLength > 0;
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
      raw.write(mustWait ? ofItsOwn(data) : data, at === bytes ? done : undefined);
      from = at;
    }
    if (from < bytes) raw.write(frames.subarray(from), done);
    raw.uncork();
  }
}

/**
 * Copies a message that cannot be written now. It is a slice of what one read returned, and would keep all of that in
 * memory: 8 KiB that wait would hold 64 KiB.
 */
function ofItsOwn(data: Uint8Array): Uint8Array {
  return data.buffer.byteLength > 2 * data.length ? new Uint8Array(data) : data;
}
function isLarge(data: string | Uint8Array): data is Uint8Array {
  return typeof data === 'object' && data.length >= COPY_BELOW_BYTES;
}
function flush(socket: WsSocket): void {
  socket.endTurn();
}
