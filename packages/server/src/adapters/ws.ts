import type { Duplex } from 'node:stream';
import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import { CLOSE_GRACE_MS, type SocketCause, type SocketLike } from '../socket-like.js';
import { FrameCounter } from './frame-counter.js';
import { BINARY, frameBytes, headBytes, writeFrame, writeHead } from './server-frame.js';

const ADAPTER = Symbol('adapter');

/** What is used of a `ws` socket: to be had without `ws`'s types. */
export interface WsServerSocket {
  readonly readyState: number;
  on(event: string, listener: (...given: never[]) => void): unknown;
  pong(data: Uint8Array, mask: boolean, written: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** What is used of the TCP or TLS socket below a `ws` socket. */
type Raw = Duplex & { readonly bytesRead?: number };

/** Payloads from here on go to the kernel from where they lie; smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;
/** Large payloads wait for no more than this, and no longer than what is being read now: they are still in the processor's cache. */
const WRITE_BYTES = 65_536;

/**
 * A `ws` socket as a `SocketLike`; `raw` is the TCP or TLS socket it runs on (`request.socket`). Messages sent within one
 * turn of the event loop are framed here and go to the kernel in one write: `ws` itself makes one for each message. Make
 * it in the same turn as the upgrade: a message before that would be missed. It answers pings itself: give the
 * `WebSocketServer` `autoPong: false`, or each is answered twice.
 */
export function wsSocket(socket: WsServerSocket, raw: Raw): SocketLike {
  return new WsSocket(socket, raw);
}

/** What carries a `WsSocket` has it from its constructor. */
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
/** ws reports what breaks RFC 6455 here, and closes. */
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
  /** What this turn has sent. */
  #batch: (string | Uint8Array)[] | null = null;
  #largeBytes = 0;

  constructor(socket: WsServerSocket, raw: Raw) {
    this.#socket = socket;
    this.#raw = raw;
    (socket as Carrying<WsServerSocket>)[ADAPTER] = this;
    // The same functions for all sockets: one of its own for each event would cost every idle connection memory.
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

  /** A chunk as it came, which ws has read by now. */
  received(chunk: Buffer): void {
    const counter = this.#frames;
    counter.read(chunk);
    if (counter.frames === 0) return;
    const { frames, bytes } = counter;
    counter.reset();
    this.onframes?.(frames, bytes);
  }

  /** Of many pings the latest alone is answered (RFC 6455 §5.5.3), and only once the last answer is with the kernel. */
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

  /** ws would read and drop whatever else comes until the client closes: a flood is better left in the kernel. */
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
    // The callback lives until the last byte is written: it must not keep the messages that have been copied.
    this.#write(batch, this.#toldWritten(length));
  }

  #toldWritten(count: number): () => void {
    return () => this.onwritten?.(count);
  }

  /** Small messages and heads are copied together; large ones stay where they lie. All is one write to the kernel. */
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
 * A message is a part of what one read brought: to keep it would keep the whole, and 8 KiB that wait would hold 64 KiB. One
 * that can't be written now gets bytes of its own.
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
