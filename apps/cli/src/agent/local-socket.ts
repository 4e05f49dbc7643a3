import type { Socket } from 'node:net';

/**
 * Frames of the local socket between a command and the agent: 4 bytes of length (big-endian), 1 byte of kind, the
 * content. Bytes are passed on in the pieces in which they arrive, so that neither end copies or keeps them.
 */
const KIND = { json: 0, text: 1, bytes: 2 } as const;
const HEADER_BYTES = 5;

/** The largest frames after the greeting. Bytes arrive in pieces; their limit only bounds the length field. */
export const FRAME_LIMITS = { json: 1_048_576, text: 4_194_304, bytes: 67_108_864 } as const;
/** The largest frames before the greeting has succeeded. */
export const GREETING_LIMITS = { json: 512, text: 0, bytes: 0 } as const;

export type Frame =
  | { readonly kind: 'json'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

/** How many bytes may wait to be written, or to be read, before the source is paused. */
const HIGH_WATER_BYTES = 262_144;
/** How many bytes a waiting frame counts beside its content. */
const FRAME_OVERHEAD_BYTES = 128;

function costOf(frame: Frame): number {
  return FRAME_OVERHEAD_BYTES + (frame.kind === 'bytes' ? frame.bytes.length : 0);
}

/** One end of a local socket, which exchanges frames. */
export class LocalSocket {
  readonly socket: Socket;
  /** The largest frames that are accepted. */
  limits: Readonly<Record<keyof typeof KIND, number>> = GREETING_LIMITS;
  /** Received frames that wait to be read. */
  readonly #frames: Frame[] = [];
  #waitingBytes = 0;
  #isOver = false;
  /** Callbacks that wait for a frame, and for room. */
  #readers: (() => void)[] = [];
  #writers: (() => void)[] = [];
  #header = Buffer.alloc(0);
  #kind: keyof typeof KIND = 'json';
  /** Missing bytes of the present content; below 0 between frames. */
  #missing = -1;
  #parts: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const over = (): void => {
      this.#isOver = true;
      this.#wakeReaders();
    };
    const wakeWriters = (): void => {
      for (const resolve of this.#writers.splice(0)) resolve();
    };
    socket.on('error', () => {}); // `next` then returns null
    socket.on('drain', wakeWriters).on('close', wakeWriters).on('close', over).on('end', over);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** The next frame; `null` once the other end is gone, or broke the format. */
  async next(): Promise<Frame | null> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#waitingBytes -= costOf(frame);
        if (this.#waitingBytes < HIGH_WATER_BYTES && this.socket.isPaused()) this.socket.resume();
        return frame;
      }
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  /** The next frame if it is JSON, otherwise `null`. */
  async nextJson(): Promise<Readonly<Record<string, unknown>> | null> {
    const frame = await this.next();
    return frame?.kind === 'json' ? frame.value : null;
  }

  writeJson(value: object): void {
    void this.#write(KIND.json, Buffer.from(JSON.stringify(value)));
  }

  /**
   * Writes a frame. Resolves once there is room for more, with false if the other end is gone. Do not change the bytes
   * afterwards.
   */
  write(message: string | Uint8Array): Promise<boolean> {
    return typeof message === 'string'
      ? this.#write(KIND.text, Buffer.from(message))
      : this.#write(KIND.bytes, message);
  }

  /** Ends after everything that was written. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #write(kind: number, content: Uint8Array): Promise<boolean> {
    const { socket } = this;
    if (!socket.writable) return false;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32BE(content.length);
    header[4] = kind;
    socket.cork();
    socket.write(header);
    socket.write(content);
    socket.uncork();
    // Many writes together cost one system call. Over this mark, which is above Node's own, a `drain` follows.
    if (socket.writableLength >= HIGH_WATER_BYTES) await new Promise<void>((resolve) => this.#writers.push(resolve));
    return socket.writable;
  }

  #take(chunk: Buffer): void {
    try {
      this.#parse(chunk);
    } catch {
      this.#isOver = true;
      this.destroy();
    }
    this.#wakeReaders();
    if (this.#waitingBytes >= HIGH_WATER_BYTES) this.socket.pause();
  }

  /** @throws Error if a frame is too large, or of an unknown kind */
  #parse(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 || this.#missing === 0) {
      if (this.#missing < 0) {
        const wanted = HEADER_BYTES - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, wanted)]);
        rest = rest.subarray(wanted);
        if (this.#header.length < HEADER_BYTES) return;
        this.#missing = this.#header.readUInt32BE(0);
        this.#kind = kindOf(this.#header[4]);
        this.#header = Buffer.alloc(0);
        if (this.#missing > this.limits[this.#kind])
          throw new Error(`a ${this.#kind} frame is too large: ${this.#missing} bytes`);
      }
      const part = rest.subarray(0, this.#missing);
      rest = rest.subarray(part.length);
      this.#missing -= part.length;
      if (this.#kind === 'bytes') {
        if (part.length > 0) this.#push({ kind: 'bytes', bytes: part });
      } else {
        this.#parts.push(part);
        if (this.#missing === 0) {
          const text = Buffer.concat(this.#parts).toString();
          this.#parts = [];
          this.#push(this.#kind === 'text' ? { kind: 'text', text } : { kind: 'json', value: objectOf(text) });
        }
      }
      if (this.#missing === 0) this.#missing = -1;
    }
  }

  #push(frame: Frame): void {
    this.#frames.push(frame);
    this.#waitingBytes += costOf(frame);
  }

  #wakeReaders(): void {
    for (const resolve of this.#readers.splice(0)) resolve();
  }
}

/** @throws Error */
function kindOf(byte: number | undefined): keyof typeof KIND {
  for (const kind of ['json', 'text', 'bytes'] as const) if (KIND[kind] === byte) return kind;
  throw new Error('unknown frame kind');
}

/** @throws Error if the text is not a JSON object */
function objectOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('not an object');
  return { ...value };
}
