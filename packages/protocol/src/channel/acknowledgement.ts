/** Received data is acknowledged within this time … */
const ACK_DELAY_MS = 50;
/** … and at once when this part of the window has been taken or granted since the last time. */
const WINDOW_PART = 1 / 4;
/** … or this much, over all channels with the peer: they share what may be in flight. */
const MAX_AT_ONCE_BYTES = 262_144;
/** An ACK is sent before data that is sent anyway, at most this often … */
const MAX_AHEAD = 8;
/** … in this time. A reply then acknowledges its message, and a busy channel does not send more ACKs. */
const AHEAD_SPAN_MS = 1000;

/** Decides when to acknowledge data and grant credit (PROTOCOL §4, Resume). Every CONTROL does both. */
export class Acknowledgement {
  #atOnceBytes = 0;
  #takenBytes = 0;
  #saidLimit: number;
  #ahead = 0;
  #aheadSince = 0;
  /** When an ACK is due; infinite if none is. */
  dueAt = Number.POSITIVE_INFINITY;

  constructor(windowBytes: number) {
    this.windowIs(windowBytes);
    this.#saidLimit = windowBytes;
  }

  /** The window is `windowBytes` large now, and `channels` of the peer want more than the smallest window. */
  windowIs(windowBytes: number, channels = 1): void {
    this.#atOnceBytes = Math.min(MAX_AT_ONCE_BYTES / channels, windowBytes * WINDOW_PART);
  }

  /** A DATA plaintext of this length was taken. */
  took(bytes: number, nowMs: number): void {
    this.#takenBytes += bytes;
    this.scheduleBy(this.#takenBytes < this.#atOnceBytes ? nowMs + ACK_DELAY_MS : nowMs);
  }

  /** The total granted credit is now `limit`. */
  granted(limit: number, nowMs: number): void {
    const unsaid = limit - this.#saidLimit;
    if (unsaid > 0) this.scheduleBy(unsaid < this.#atOnceBytes ? nowMs + ACK_DELAY_MS : nowMs);
  }

  /** An ACK is due at `atMs` or earlier. */
  scheduleBy(atMs: number): void {
    if (atMs < this.dueAt) this.dueAt = atMs;
  }

  /** Whether an ACK may be sent before data. Call `noteAckBeforeData` if it is. */
  mayGoBeforeData(nowMs: number): boolean {
    if (this.dueAt === Number.POSITIVE_INFINITY) return false;
    if (nowMs - this.#aheadSince >= AHEAD_SPAN_MS) {
      this.#aheadSince = nowMs;
      this.#ahead = 0;
    }
    return this.#ahead < MAX_AHEAD;
  }

  noteAckBeforeData(): void {
    this.#ahead++;
  }

  /** A CONTROL was sent, which acknowledges everything. */
  ackSent(limit: number): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    this.#takenBytes = 0;
    this.#saidLimit = limit;
  }
}
