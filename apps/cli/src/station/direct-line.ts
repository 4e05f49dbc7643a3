import { type SecureWebSocket, SecureWebSocketStream, type SecureWebSocketStreamError } from '@sws/client';
import { drainLine, type Line, type LineEnd } from './line.js';

/**
 * What one frame to the relay carries (PROTOCOL §4, DATA). Bytes go out in messages of this size, whatever the pieces that they come
 * in: one of 64 KiB, as sockets give them, would make two frames.
 */
const MESSAGE_BYTES = 61_440;

/** The line of a socket that is open. Call it in the event that gave the socket: a message may follow in the same turn. */
export class DirectLine implements Line {
  readonly peer: string;
  readonly resource: string;
  readonly protocol: string;
  readonly closed: Promise<LineEnd>;
  readonly #socket: SecureWebSocket;
  readonly #stream: SecureWebSocketStream;
  readonly #reader: Promise<ReadableStreamDefaultReader<string | Uint8Array>>;
  readonly #writer: Promise<WritableStreamDefaultWriter<string | BufferSource>>;
  /** Bytes that wait for the rest of their message; made with the first of them. */
  #message = new Uint8Array(0);
  #length = 0;
  #isFlushDue = false;
  /** Resolves once all that was handed to the socket has room, with false where it takes nothing any more. */
  #sent: Promise<boolean> = Promise.resolve(true);
  #hasFailed = false;
  /** Bytes that the socket did not take. */
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
    for (const end of [this.#reader, this.#writer]) end.then(({ closed }) => closed).catch(() => {}); // `closed` tells
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
      return null; // the connection broke: `closed` tells
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
    // A message that waits for room is with the socket already: what is not is behind it.
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

  /** What more is under way comes within this turn; what a program says by itself does not wait for it. */
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

  /** Sends what `take` gives once those before have been taken; the socket copies it, so that the message is filled again meanwhile. */
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
