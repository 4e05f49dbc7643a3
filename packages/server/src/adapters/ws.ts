import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { atEndOfTurn, type TurnTask } from '../end-of-turn.js';
import type { SocketCause, SocketLike } from '../socket-like.js';
import { BINARY, frameBytes, headBytes, writeFrame, writeHead } from './server-frame.js';

/** What is used of the TCP or TLS socket below a `ws` socket. */
type Raw = Duplex & { readonly bytesRead?: number };

/** After an error a client gets this long to take the close frame. */
const CLOSE_GRACE_MS = 2_000;
/** Payloads from here on go to the kernel at once and from where they lie; smaller ones are cheaper to copy together. */
const COPY_BELOW_BYTES = 8_192;

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
    const large = typeof data === 'object' && data.length >= COPY_BELOW_BYTES;
    if (this.#batch === null) {
      this.#batch = [data];
      if (!large) return atEndOfTurn(this);
    } else this.#batch.push(data);
    // A large message is still in the processor's cache: written later, it would cost more than the call saved.
    if (large) this.endTurn();
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
    if (this.#socket.readyState !== 1 || this.#raw.destroyed) return this.onwritten?.(batch.length);
    this.#write(batch, () => this.onwritten?.(batch.length));
  }

  /** Small messages are copied together; a large one, which is the last, stays where it lies. All is one write to the kernel. */
  #write(batch: readonly (string | Uint8Array)[], done: () => void): void {
    const last = batch[batch.length - 1];
    const large = typeof last === 'object' && last.length >= COPY_BELOW_BYTES ? last : null;
    let bytes = large === null ? 0 : headBytes(large.length);
    const small = large === null ? batch.length : batch.length - 1;
    for (let i = 0; i < small; i++) bytes += frameBytes(batch[i] ?? '');
    const frames = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (let i = 0; i < small; i++) at = writeFrame(frames, at, batch[i] ?? '');
    if (large === null) {
      this.#raw.write(frames, done);
      return;
    }
    writeHead(frames, at, BINARY, large.length);
    this.#raw.cork();
    this.#raw.write(frames);
    this.#raw.write(large, done);
    this.#raw.uncork();
  }
}
