/** A question is asked once so much has come since the last, … */
const ASK_AFTER_BYTES = 65_536;
/** … this often at most, … */
const ASK_EVERY_MS = 50;
/** … and again if it stays unanswered for so long. */
const LOST_MS = 10_000;

/**
 * How much the application takes in the quickest round trip to the peer and back, while much comes: that, and not what
 * comes, says how much credit is of use (PROTOCOL §4, Credit). Its questions are PINGs.
 */
export class Gauge {
  /** Given to the application since the channel opened, in bytes. */
  deliveredBytes = 0;
  #takenBytes = 0;
  #minRttMs = Number.POSITIVE_INFINITY;
  /** `deliveredBytes` when the next question became due; `null` while none is: what comes in one turn with it counts. */
  #dueBytes: number | null = null;
  #asked: { readonly id: number; readonly deliveredBytes: number } | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** A DATA plaintext of this length was taken: whether to ask. */
  took(bytes: number, nowMs: number): boolean {
    this.#takenBytes += bytes;
    if (this.#takenBytes < ASK_AFTER_BYTES) return false;
    if (nowMs - this.#askedAt < (this.#asked === null ? ASK_EVERY_MS : LOST_MS)) return false;
    this.#dueBytes ??= this.deliveredBytes;
    return true;
  }

  /** The PING `id` goes out. */
  asked(id: number, nowMs: number): void {
    this.#takenBytes = 0;
    this.#askedAt = nowMs;
    this.#asked = { id, deliveredBytes: this.#dueBytes ?? this.deliveredBytes };
    this.#dueBytes = null;
  }

  /** The bytes taken so far of a round trip that is not over yet; 0 if no question is asked, or due. */
  takenSoFar(nowMs: number): number {
    if (this.#asked !== null)
      return this.#perRoundTrip(this.deliveredBytes - this.#asked.deliveredBytes, nowMs - this.#askedAt);
    return this.#dueBytes === null ? 0 : this.deliveredBytes - this.#dueBytes;
  }

  /** A question was answered: the bytes taken in a round trip, or `null` if it is none of these. */
  answered(id: number, nowMs: number): number | null {
    const asked = this.#asked;
    if (asked === null || asked.id !== id) return null;
    this.#asked = null;
    const ms = Math.max(1, nowMs - this.#askedAt);
    this.#minRttMs = Math.min(this.#minRttMs, ms);
    return this.#perRoundTrip(this.deliveredBytes - asked.deliveredBytes, ms);
  }

  /** Another way: the quickest round trip may be a longer one. */
  reset(): void {
    this.#minRttMs = Number.POSITIVE_INFINITY;
    this.#asked = null;
    this.#dueBytes = null;
  }

  #perRoundTrip(bytes: number, ms: number): number {
    return ms <= this.#minRttMs ? bytes : (bytes * this.#minRttMs) / ms;
  }
}
