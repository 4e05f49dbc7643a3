const FIN = 0x80;
const MASK = 0x80;
const MASK_BYTES = 4;
/** Opcodes from here on are of control frames (RFC 6455 §5.5). */
const FIRST_CONTROL = 8;
/** Two bytes, the longest length, and the mask. */
const LONGEST_HEAD_BYTES = 2 + 8 + MASK_BYTES;

/**
 * Counts the frames from a client that end no message: pings, pongs, and fragments before the last. The library hides
 * them or reports them one by one, and each costs it as much as a small message. Only the heads of frames are read.
 */
export class FrameCounter {
  /** Frames that end no message, since `reset`. */
  frames = 0;
  /** The bytes of their heads and of control frames' payloads. A fragment's payload counts with its message. */
  bytes = 0;
  /** Bytes of the present frame that are still to come. */
  #rest = 0;
  /** The start of a head that came in two reads. */
  #head: Uint8Array | null = null;

  reset(): void {
    this.frames = 0;
    this.bytes = 0;
  }

  read(chunk: Uint8Array): void {
    let at = this.#rest;
    const started = this.#head;
    if (started !== null) {
      const head = new Uint8Array(Math.min(LONGEST_HEAD_BYTES, started.length + chunk.length));
      head.set(started);
      head.set(chunk.subarray(0, head.length - started.length), started.length);
      this.#head = null;
      const end = this.#frame(head, 0);
      if (end < 0) {
        this.#head = head;
        return;
      }
      at = end - started.length;
    }
    while (at < chunk.length) {
      const end = this.#frame(chunk, at);
      if (end < 0) {
        this.#head = new Uint8Array(chunk.subarray(at));
        return;
      }
      at = end;
    }
    this.#rest = at - chunk.length;
  }

  /** Counts the frame whose head begins at `at`. Returns the offset after the frame, or -1 if its head is not whole. */
  #frame(from: Uint8Array, at: number): number {
    const first = from[at] ?? 0;
    const second = from[at + 1];
    if (second === undefined) return -1;
    const short = second & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const headBytes = 2 + lengthBytes + ((second & MASK) === 0 ? 0 : MASK_BYTES);
    if (from.length < at + headBytes) return -1;
    let length = short;
    if (lengthBytes > 0) {
      length = 0;
      for (let i = at + 2; i < at + 2 + lengthBytes; i++) length = length * 256 + (from[i] ?? 0);
    }
    const isControl = (first & 0x0f) >= FIRST_CONTROL;
    if (isControl || (first & FIN) === 0) {
      this.frames++;
      this.bytes += isControl ? headBytes + length : headBytes;
    }
    return at + headBytes + length;
  }
}
