import { type SecureWebSocket, SecureWebSocketStream, type SecureWebSocketStreamError } from '@sws/client';
import { drainLine, type Line, type LineEnd } from './line.js';

/**
 * The bytes of one full frame to the relay (PROTOCOL §4, DATA). Bytes are sent in messages of this size, for any size
 * of pieces. A piece of 64 KiB, as sockets deliver them, would need two frames.
 */
const MESSAGE_BYTES = 61_440;

/**
 * The line of an open socket. Create it in the event that delivered the socket: a message may follow in the same turn.
 */
export class DirectLine implements Line {
  readonly peer: string;
  readonly resource: string;
  readonly protocol: string;
  readonly closed: Promise<LineEnd>;
  readonly #socket: SecureWebSocket;
  readonly #stream: SecureWebSocketStream;
  readonly #reader: Promise<ReadableStreamDefaultReader<string | Uint8Array>>;
  readonly #writer: Promise<WritableStreamDefaultWriter<string | BufferSource>>;
  /** Bytes that wait for the rest of their message. The array is created with the first of them. */
  #message = new Uint8Array(0);
  #length = 0;
  #isFlushDue = false;
  /** Resolves once everything given to the socket has room, with false if the socket accepts no more. */
  #sent: Promise<boolean> = Promise.resolve(true);
  #hasFailed = false;
  /** Bytes that the socket did not accept. */
  #unsentBytes = 0;

  constructor(socket: SecureWebSocket) {
    this.#socket = socket;
    const stream = SecureWebSocketStream.from(socket);
    this.#stream = stream;
    this.peer = stream.peer;
    this.resource = stream.resource;
    this.protocol = socket.protocol;
    this.#reader = stream.opened.then(({ readable }) => readable.getReader());
    this.#writer = stream.opened.then(({ writable }) => writable.getWriter());
    for (const end of [this.#reader, this.#writer]) end.then(({ closed }) => closed).catch(() => {}); // see `closed`
    const endWith = (closeCode: number, reason: string, failure: LineEnd['failure']): LineEnd => {
      return { closeCode, reason, failure, pendingBytes: this.pendingBytes };
    };
    this.closed = stream.closed.then(
      ({ closeCode, reason }) => endWith(closeCode, reason, null),
      ({ code, message }: SecureWebSocketStreamError) => endWith(1006, '', { code, detail: message }),
    );
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount + this.#length + this.#unsentBytes;
  }

  async read(): Promise<string | Uint8Array | null> {
    try {
      const { value, done } = await (await this.#reader).read();
      return done ? null : value;
    } catch {
      return null; // the connection broke; `closed` has the reason
    }
  }

  async write(message: string | Uint8Array<ArrayBuffer>): Promise<boolean> {
    if (typeof message === 'string') {
      void this.#flush();
      return this.#send(() => message);
    }
    if (this.#message.length === 0) this.#message = new Uint8Array(MESSAGE_BYTES);
    for (let rest = message; rest.length > 0; ) {
      const part = rest.subarray(0, MESSAGE_BYTES - this.#length);
      this.#message.set(part, this.#length);
      this.#length += part.length;
      rest = rest.subarray(part.length);
      if (this.#length === MESSAGE_BYTES && !(await this.#flush())) return false;
    }
    this.#flushSoon();
    return !this.#hasFailed;
  }

  close(closeCode: number, reason = ''): void {
    // A message that waits for room counts as given to the socket. The rest is after it.
    const rest = this.#takeMessage();
    if (rest.length > 0 && this.#socket.readyState === this.#socket.OPEN) this.#socket.send(rest);
    this.#stream.close({ closeCode, reason });
  }

  drain(): void {
    void drainLine(this);
  }

  #takeMessage(): Uint8Array<ArrayBuffer> {
    const length = this.#length;
    this.#length = 0;
    return this.#message.subarray(0, length);
  }

  /** Sends at the end of this turn, so that pieces of one turn share a message and single ones do not wait. */
  #flushSoon(): void {
    if (this.#length === 0 || this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      void this.#flush();
    });
  }

  #flush(): Promise<boolean> {
    return this.#send(() => this.#takeMessage());
  }

  /** Sends the result of `take` after earlier messages. The socket copies it, so that the array can be filled again. */
  #send(take: () => string | Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#sent = this.#sent.then(async () => {
      const writer = await this.#writer.catch(() => null);
      const message = take();
      if (typeof message !== 'string' && message.length === 0) return !this.#hasFailed;
      try {
        await writer?.write(message);
      } catch {
        this.#hasFailed = true;
        if (typeof message !== 'string') this.#unsentBytes += message.length;
      }
      return !this.#hasFailed;
    });
    return this.#sent;
  }
}
