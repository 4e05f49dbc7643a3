const KIB = 1_024;
const MIB = 1_048_576;
/** What may be under way before anything is known of the way: a receiver's queue at the relay has room for it. */
const FIRST_BYTES = MIB;
/** However fast and far the peer is. */
const MAX_FLIGHT_BYTES = 16 * 1_048_576;
const MIN_BYTES = 128 * KIB;
/** While the way has shown no end, twice as much goes in a round, but no more than this or half as much again beyond it. */
const STEP_BYTES = MIB;
/** May wait at the narrowest place, so that it never runs dry between two acknowledgements: this much, and … */
const SLACK_BYTES = 192 * KIB;
/** … what passes there in this time, … */
const SLACK_MS = 16;
const MAX_SLACK_BYTES = 512 * KIB;
/** After a pause so much goes out at once, or what passes in so many ms: browsers' timers are not quicker. */
const BURST_BYTES = 256 * KIB;
const BURST_MS = 10;
/** The rest is spread over a round, and a little quicker; while it grows, over half a round. */
const PACE_GAIN = 1.25;
const GROWING_PACE_GAIN = 2;
/** The way is full where even the quickest frame of a round waited for more than this part of the slack, and so long. */
const FULL_PART = 1.25;
const FULL_MS = 5;
/** While this much grows, so many frames in a row that waited for this part of it show that it need not. */
const SLOW_SAMPLES = 4;
const SLOW_PART = 0.75;
/** A channel that has less than this under way need not wait for those that have more. */
const SMALL_BYTES = 4 * KIB;
/** The rate is the highest of this many rounds. */
const RATE_ROUNDS = 8;
/** A minimum that has not been met for this long is measured anew, … */
const MIN_RTT_AGE_MS = 10_000;
/** … with half as much under way for so many rounds. */
const DRAIN_ROUNDS = 2;
/** Clocks count milliseconds, and a round trip is never measured at less. */
const MIN_RTT_MS = 1;

/** Noted with a frame when it first goes out: its acknowledgement tells how fast frames arrive (as BBR's rate samples do). */
export interface Sent {
  readonly at: number;
  readonly delivered: number;
  readonly deliveredAt: number;
  readonly firstAt: number;
  /** The application, or the peer's credit, had less to send than might be under way. */
  readonly limited: boolean;
}

/**
 * How much may be under way to one peer, over all its channels: what arrives in the quickest round trip, and a slack that
 * waits at the narrowest place, wherever that is. So no queue on the way grows by more than the slack (PROTOCOL §4, Flight).
 */
export class Flight {
  /** Sent, neither acknowledged nor given up. */
  bytes = 0;
  /** The most that `bytes` may be. */
  allowanceBytes = FIRST_BYTES;
  /** Whether there is more room than when this was last set back. */
  freed = false;
  /** When the pace lets the next frame go that `allows` refused; infinite if it waits for an acknowledgement. */
  pacedUntilMs = Number.POSITIVE_INFINITY;
  #minRttMs = Number.POSITIVE_INFINITY;
  #minRttAt = 0;
  #delivered = 0;
  #deliveredAt = 0;
  #firstAt = 0;
  #lastSent: Sent | null = null;
  /** Until so much is delivered, samples are of an application that had less to send. */
  #limitedUntil = -1;
  /** Bytes per ms: the highest of each of the last rounds, the present one last; and the highest of them. */
  #rates: number[] = [0];
  #rate = 0;
  #growing = true;
  #roundEnd = 0;
  #roundAllowance = FIRST_BYTES;
  #roundRttMs = Number.POSITIVE_INFINITY;
  /** Whether the allowance stopped a frame in this round, and in the one before. */
  #isFull = false;
  #wasFull = false;
  #tokens = BURST_BYTES;
  #tokensAt = 0;
  /** Samples in a row that show frames waiting, while growing: then it grows no more in this round. */
  #slowSamples = 0;
  /** Slowed down, and no frame acknowledged that was sent since: until then nothing is learnt, and nothing grows. */
  #isHeld = false;
  /** Rounds left of a measurement of the minimum. */
  #drainRounds = 0;

  /** Another way: what is known of the old one is void. */
  reset(): void {
    this.allowanceBytes = FIRST_BYTES;
    this.#roundAllowance = FIRST_BYTES;
    this.#minRttMs = Number.POSITIVE_INFINITY;
    this.#roundRttMs = Number.POSITIVE_INFINITY;
    this.#rates = [0];
    this.#rate = 0;
    this.#growing = true;
    this.#isHeld = false;
    this.#slowSamples = 0;
    this.#drainRounds = 0;
    this.#roundEnd = this.#delivered;
    this.#limitedUntil = this.#delivered + this.bytes;
    this.#lastSent = null;
    this.freed = true;
  }

  /** Whether `bytes` more may go out, of a channel that has `own` of them under way. */
  allows(bytes: number, own: number, nowMs: number): boolean {
    this.pacedUntilMs = Number.POSITIVE_INFINITY;
    if (this.bytes === 0 || own + bytes <= SMALL_BYTES) return true;
    if (this.bytes + bytes > this.allowanceBytes) {
      this.#isFull = true;
      return false;
    }
    const pace = this.#pace(nowMs);
    if (this.#tokens >= 0 || pace === 0) return true;
    this.pacedUntilMs = nowMs + Math.max(1, -this.#tokens / pace);
    return false;
  }

  /** A frame goes out. */
  sent(bytes: number, nowMs: number): Sent | null {
    if (this.bytes === 0) {
      this.#firstAt = nowMs;
      this.#deliveredAt = nowMs;
    }
    this.#pace(nowMs);
    this.#tokens -= bytes;
    this.bytes += bytes;
    const last = this.#lastSent;
    // Small frames of one turn need one note.
    if (last !== null && last.delivered === this.#delivered && nowMs - last.at < MIN_RTT_MS) return last;
    this.#lastSent = {
      at: nowMs,
      delivered: this.#delivered,
      deliveredAt: this.#deliveredAt,
      firstAt: this.#firstAt,
      limited: this.#limitedUntil >= this.#delivered,
    };
    return this.#lastSent;
  }

  /** So much is no longer under way. */
  landed(bytes: number): void {
    if (bytes === 0) return;
    this.bytes -= bytes;
    this.freed = true;
  }

  /** A channel has nothing that it could send. */
  idle(): void {
    if (this.bytes + MIN_BYTES <= this.allowanceBytes) this.#limitedUntil = this.#delivered + this.bytes;
    // A window that is as large as the allowance ends a little before it.
    else this.#isFull = true;
  }

  /** Frames of `bytes` in all were acknowledged, `sent` the note of the newest; `null` if it went out more than once. */
  acknowledged(bytes: number, sent: Sent | null, nowMs: number): void {
    this.#delivered += bytes;
    this.#deliveredAt = nowMs;
    if (sent !== null) this.#sample(sent, nowMs);
    this.#adjust(bytes);
  }

  /** A question, or a frame, was answered after so long. */
  measured(rttMs: number, nowMs: number): void {
    const rtt = Math.max(MIN_RTT_MS, rttMs);
    this.#roundRttMs = Math.min(this.#roundRttMs, rtt);
    if (rtt > this.#minRttMs) return;
    this.#minRttMs = rtt;
    this.#minRttAt = nowMs;
  }

  /** The relay had no room for a frame, or soon has none (`BACKLOG`): half as much from here, until more arrives. */
  slowDown(): void {
    this.#growing = false;
    this.#isHeld = true;
    this.#rates = [this.#rate, 0];
    this.#roundEnd = this.#delivered;
    this.#roundRttMs = Number.POSITIVE_INFINITY;
    this.allowanceBytes = Math.max(MIN_BYTES, Math.min(this.allowanceBytes, this.bytes) / 2);
  }

  /** How long half of what is under way takes, at the present rate; a round trip at least. */
  get halfGoneMs(): number {
    const roundTripMs = Number.isFinite(this.#minRttMs) ? this.#minRttMs : 0;
    return this.#rate === 0 ? roundTripMs : Math.max(roundTripMs, this.bytes / 2 / this.#rate);
  }

  get #slack(): number {
    return Math.min(MAX_SLACK_BYTES, SLACK_BYTES + this.#rate * SLACK_MS);
  }

  /** Fills the bucket; its rate, in bytes per ms, or 0 for any. */
  #pace(nowMs: number): number {
    const gain = this.#growing ? GROWING_PACE_GAIN : PACE_GAIN;
    const pace = this.#rate === 0 ? 0 : (gain * this.allowanceBytes) / this.#minRttMs;
    const burst = Math.max(BURST_BYTES, this.#rate * BURST_MS);
    this.#tokens = pace === 0 ? burst : Math.min(burst, this.#tokens + (nowMs - this.#tokensAt) * pace);
    this.#tokensAt = nowMs;
    return pace;
  }

  #adjust(bytes: number): void {
    const before = this.allowanceBytes;
    const target = this.#target();
    this.allowanceBytes = Math.min(target, before + bytes);
    if (this.allowanceBytes > before) this.freed = true;
  }

  #target(): number {
    if (this.#isHeld) return this.allowanceBytes;
    if (this.#rate === 0) return Math.max(this.allowanceBytes, FIRST_BYTES);
    const way = this.#rate * this.#minRttMs;
    if (this.#drainRounds > 0) return Math.max(MIN_BYTES, way / 2);
    const target = way + this.#slack;
    const round = this.#roundAllowance;
    const grows = (this.#isFull || this.#wasFull) && this.#slowSamples < SLOW_SAMPLES;
    const grown = !this.#growing
      ? 0
      : grows
        ? round + Math.min(round, Math.max(STEP_BYTES, round / 2))
        : Math.max(round, this.allowanceBytes);
    return Math.min(MAX_FLIGHT_BYTES, Math.max(target, grown));
  }

  /** Whether a round trip of this length was longer than the quickest by more than this part of the slack. */
  #hasWaited(rttMs: number, part: number): boolean {
    return rttMs - this.#minRttMs > FULL_MS + (part * this.#slack) / Math.max(1, this.#rate);
  }

  #sample(sent: Sent, nowMs: number): void {
    this.measured(nowMs - sent.at, nowMs);
    if (this.#hasWaited(nowMs - sent.at, SLOW_PART)) this.#slowSamples++;
    else this.#slowSamples = 0;
    this.#firstAt = sent.at;
    const isNext = sent.delivered >= this.#roundEnd;
    if (this.#isHeld) {
      if (!isNext) return;
      this.#isHeld = false;
      // It has sent nothing for a while: how fast what waited has arrived says more.
      this.#addRate({ ...sent, firstAt: sent.at }, nowMs);
    }
    if (isNext) this.#endRound(nowMs, sent.limited);
    this.#addRate(sent, nowMs);
  }

  #addRate(sent: Sent, nowMs: number): void {
    const ms = Math.max(MIN_RTT_MS, sent.at - sent.firstAt, nowMs - sent.deliveredAt);
    // Over less than the quickest round trip a sample tells of bunched acknowledgements.
    if (ms < this.#minRttMs) return;
    const rate = (this.#delivered - sent.delivered) / ms;
    if (sent.limited && rate <= this.#rate) return;
    const present = this.#rates.length - 1;
    if (rate > (this.#rates[present] ?? 0)) this.#rates[present] = rate;
    if (rate > this.#rate) this.#rate = rate;
  }

  #endRound(nowMs: number, limited: boolean): void {
    const present = this.#rates.at(-1) ?? 0;
    if (this.#hasWaited(this.#roundRttMs, this.#growing ? SLOW_PART : FULL_PART) && present > 0) {
      // The present rate is all that the way lets through.
      this.#growing = false;
      this.#rates = [present];
    }
    if (!limited) {
      this.#rates.push(0);
      if (this.#rates.length > RATE_ROUNDS) this.#rates.shift();
    }
    this.#rate = Math.max(...this.#rates);
    this.#roundEnd = this.#delivered;
    this.#roundAllowance = this.allowanceBytes;
    this.#wasFull = this.#isFull;
    this.#isFull = false;
    if (!this.#growing) this.#slowSamples = 0;
    if (this.#roundRttMs - this.#minRttMs < MIN_RTT_MS + this.#minRttMs / 8) this.#minRttAt = nowMs;
    if (this.#drainRounds > 0) {
      if (--this.#drainRounds === 0) {
        this.#minRttMs = this.#roundRttMs;
        this.#minRttAt = nowMs;
      }
    } else if (nowMs - this.#minRttAt > MIN_RTT_AGE_MS) this.#drainRounds = DRAIN_ROUNDS + 1;
    this.#roundRttMs = Number.POSITIVE_INFINITY;
  }
}
