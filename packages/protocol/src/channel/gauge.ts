/** A question is sent once this much has arrived since the last one, … */
const ASK_AFTER_BYTES = 65_536;
/** … at most this often, … */
const ASK_EVERY_MS = 50;
/** … and again if there is no answer for this long. */
const LOST_MS = 10_000;

/**
 * Measures how much the application takes in the shortest round trip, while much arrives. This, not what arrives, shows
 * how much credit is useful (PROTOCOL §4, Credit). The gauge's questions are PINGs.
 */
export class Gauge {
  /** How many bytes were given to the application since the channel opened. */
  deliveredBytes = 0;
  #takenBytes = 0;
  #minRttMs = Number.POSITIVE_INFINITY;
  /** `deliveredBytes` when the next question became due; `null` while none is due. Data of the same turn counts. */
  #dueBytes: number | null = null;
  #asked: { readonly id: number; readonly deliveredBytes: number } | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** A DATA plaintext of this length was taken. Returns whether to ask. */
  took(bytes: number, nowMs: number): boolean {
    this.#takenBytes += bytes;
    if (this.#takenBytes < ASK_AFTER_BYTES) return false;
    if (nowMs - this.#askedAt < (this.#asked === null ? ASK_EVERY_MS : LOST_MS)) return false;
    this.#dueBytes ??= this.deliveredBytes;
    return true;
  }

  /** The PING `id` is sent. */
  asked(id: number, nowMs: number): void {
    this.#takenBytes = 0;
    this.#askedAt = nowMs;
    this.#asked = { id, deliveredBytes: this.#dueBytes ?? this.deliveredBytes };
    this.#dueBytes = null;
  }

  /** The bytes taken so far in a round trip that is not over; 0 without a sent or due question. */
  takenSoFar(nowMs: number): number {
    if (this.#asked !== null)
      return this.#perRoundTrip(this.deliveredBytes - this.#asked.deliveredBytes, nowMs - this.#askedAt);
    return this.#dueBytes === null ? 0 : this.deliveredBytes - this.#dueBytes;
  }

  /** A question was answered. Returns the bytes taken in the round trip, or `null` for another question. */
  answered(id: number, nowMs: number): number | null {
    const asked = this.#asked;
    if (asked === null || asked.id !== id) return null;
    this.#asked = null;
    const ms = Math.max(1, nowMs - this.#askedAt);
    this.#minRttMs = Math.min(this.#minRttMs, ms);
    return this.#perRoundTrip(this.deliveredBytes - asked.deliveredBytes, ms);
  }

  /** The path has changed, and the shortest round trip may be longer. */
  reset(): void {
    this.#minRttMs = Number.POSITIVE_INFINITY;
    this.#asked = null;
    this.#dueBytes = null;
  }

  #perRoundTrip(bytes: number, ms: number): number {
    return ms <= this.#minRttMs ? bytes : (bytes * this.#minRttMs) / ms;
  }
}
