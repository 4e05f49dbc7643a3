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
  #asked: { readonly id: number; readonly deliveredBytes: number } | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** A DATA plaintext of this length was taken: whether to ask. */
  took(bytes: number, nowMs: number): boolean {
    this.#takenBytes += bytes;
    if (this.#takenBytes < ASK_AFTER_BYTES) return false;
    return nowMs - this.#askedAt >= (this.#asked === null ? ASK_EVERY_MS : LOST_MS);
  }

  /** The PING `id` goes out. */
  asked(id: number, nowMs: number): void {
    this.#takenBytes = 0;
    this.#askedAt = nowMs;
    this.#asked = { id, deliveredBytes: this.deliveredBytes };
  }

  /** A question was answered: the bytes taken in a round trip, or `null` if it is none of these. */
  answered(id: number, nowMs: number): number | null {
    const asked = this.#asked;
    if (asked === null || asked.id !== id) return null;
    this.#asked = null;
    const ms = Math.max(1, nowMs - this.#askedAt);
    this.#minRttMs = Math.min(this.#minRttMs, ms);
    return ((this.deliveredBytes - asked.deliveredBytes) * this.#minRttMs) / ms;
  }

  /** Another way: the quickest round trip may be a longer one. */
  reset(): void {
    this.#minRttMs = Number.POSITIVE_INFINITY;
    this.#asked = null;
  }
}
