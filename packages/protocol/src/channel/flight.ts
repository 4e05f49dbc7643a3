/** A note about a frame when it is first sent. Its acknowledgement gives a sample of the rate, as in BBR. */
export interface Sent {
  readonly at: number;
  readonly delivered: number;
  readonly deliveredAt: number;
  readonly firstAt: number;
  /** Whether the application, or the peer's credit, had less to send than the allowance. */
  readonly limited: boolean;
}

const KIB = 1_024;
const MIB = 1_048_576;
/** The allowance before anything is known of the path. A receiver's queue at the relay has room for it. */
const FIRST_BYTES = MIB;
/** The largest allowance, however fast and far the peer is. */
const MAX_FLIGHT_BYTES = 16 * 1_048_576;
const MIN_BYTES = 128 * KIB;
/**
 * While the path is not full, the allowance doubles each round. The increase is at most this, or half of the allowance
 * if that is more.
 */
const STEP_BYTES = MIB;
/** How much may queue at the narrowest point, so that it never idles between two acknowledgements: this much, and … */
const SLACK_BYTES = 192 * KIB;
/** … as much as passes there in this time, … */
const SLACK_MS = 16;
const MAX_SLACK_BYTES = 512 * KIB;
/**
 * How much is sent at once after a pause: this, or as much as passes in `BURST_MS`, because browsers' timers are
 * coarse.
 */
const BURST_BYTES = 256 * KIB;
const BURST_MS = 10;
/** How many allowances are sent per round trip after the burst; while growing, `GROWING_PACE_GAIN`. */
const PACE_GAIN = 1.25;
const GROWING_PACE_GAIN = 2;
/** The path is full if even the fastest frame of a round queued for more than this part of the slack, and so long. */
const FULL_PART = 1.25;
const FULL_MS = 5;
/** Growth stops in a round after this many frames in a row that queued for `SLOW_PART` of the slack. */
const SLOW_SAMPLES = 4;
const SLOW_PART = 0.75;
/** A channel with fewer bytes in flight than this need not wait for channels with more. */
const SMALL_BYTES = 4 * KIB;
/** The rate is the maximum of this many rounds. */
const RATE_ROUNDS = 8;
/** A minimum round trip that was not reached for this long is measured again, … */
const MIN_RTT_AGE_MS = 10_000;
/** … with half as many bytes in flight for this many rounds. */
const DRAIN_ROUNDS = 2;
/** The shortest measured round trip, because clocks count milliseconds. */
const MIN_RTT_MS = 1;

/**
 * How much may be in flight to one peer, over all its channels: as much as arrives in the shortest round trip, and a
 * slack that queues at the narrowest point. No queue on the path grows by more than the slack (PROTOCOL §4, Flight).
 */
export class Flight {
  /** How many bytes are in flight: sent, but neither acknowledged nor given up. */
  bytes = 0;
  /** The most bytes that may be in flight. */
  allowanceBytes = FIRST_BYTES;
  /** Whether room was freed since this was last reset. */
  freed = false;
  /** When the pace allows the frame that `allows` refused; infinite if it waits for an acknowledgement. */
  pacedUntilMs = Number.POSITIVE_INFINITY;
  #minRttMs = Number.POSITIVE_INFINITY;
  #minRttAt = 0;
  #delivered = 0;
  #deliveredAt = 0;
  #firstAt = 0;
  #lastSent: Sent | null = null;
  /** Until this much is delivered, samples are limited by what the application had to send. */
  #limitedUntil = -1;
  /** The maximum rate of each of the last rounds in bytes per ms, the present one last; and the maximum of them. */
  #rates: number[] = [0];
  #rate = 0;
  #growing = true;
  #roundEnd = 0;
  #roundAllowance = FIRST_BYTES;
  #roundRttMs = Number.POSITIVE_INFINITY;
  /** Whether the allowance stopped a frame in this round, and in the previous one. */
  #isFull = false;
  #wasFull = false;
  #tokens = BURST_BYTES;
  #tokensAt = 0;
  /** How many samples in a row show queueing while the allowance grows. With enough, it stops growing in this round. */
  #slowSamples = 0;
  /** Set by `slowDown` until a frame sent since is acknowledged. Until then nothing is measured, and nothing grows. */
  #isHeld = false;
  /** The remaining rounds of a measurement of the minimum. */
  #drainRounds = 0;

  /** Forgets all measurements, because the path has changed. */
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

  /** How many bytes more may be in flight. */
  get roomBytes(): number {
    return this.allowanceBytes - this.bytes;
  }

  /** Whether a channel with `own` bytes in flight may send `bytes` more. */
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

  /** A frame is sent. */
  sent(bytes: number, nowMs: number): Sent | null {
    if (this.bytes === 0) {
      this.#firstAt = nowMs;
      this.#deliveredAt = nowMs;
    }
    this.#pace(nowMs);
    this.#tokens -= bytes;
    this.bytes += bytes;
    const last = this.#lastSent;
    // Small frames of one turn share a note.
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

  /** These bytes are no longer in flight. */
  landed(bytes: number): void {
    if (bytes === 0) return;
    this.bytes -= bytes;
    this.freed = true;
  }

  /** A channel has nothing to send. */
  idle(): void {
    if (this.bytes + MIN_BYTES <= this.allowanceBytes) this.#limitedUntil = this.#delivered + this.bytes;
    // The peer's window, if it is as large as the allowance, is used up a little before it.
    else this.#isFull = true;
  }

  /**
   * Frames of `bytes` in total were acknowledged. `sent` is the note of the newest; `null` if it was sent more than
   * once.
   */
  acknowledged(bytes: number, sent: Sent | null, nowMs: number): void {
    this.#delivered += bytes;
    this.#deliveredAt = nowMs;
    if (sent !== null) this.#sample(sent, nowMs);
    this.#adjust(bytes);
  }

  /** A question or a frame was answered after `rttMs`. */
  measured(rttMs: number, nowMs: number): void {
    const rtt = Math.max(MIN_RTT_MS, rttMs);
    this.#roundRttMs = Math.min(this.#roundRttMs, rtt);
    if (rtt > this.#minRttMs) return;
    this.#minRttMs = rtt;
    this.#minRttAt = nowMs;
  }

  /** The relay has no room for a frame, or soon has none (`BACKLOG`). Halves the allowance until more arrives. */
  slowDown(): void {
    this.#growing = false;
    this.#isHeld = true;
    this.#rates = [this.#rate, 0];
    this.#roundEnd = this.#delivered;
    this.#roundRttMs = Number.POSITIVE_INFINITY;
    this.allowanceBytes = Math.max(MIN_BYTES, Math.min(this.allowanceBytes, this.bytes) / 2);
  }

  /** How long half of the bytes in flight take at the present rate; at least a round trip. */
  get halfGoneMs(): number {
    const roundTripMs = Number.isFinite(this.#minRttMs) ? this.#minRttMs : 0;
    return this.#rate === 0 ? roundTripMs : Math.max(roundTripMs, this.bytes / 2 / this.#rate);
  }

  get #slack(): number {
    return Math.min(MAX_SLACK_BYTES, SLACK_BYTES + this.#rate * SLACK_MS);
  }

  /** Fills the bucket. Returns its rate in bytes per ms, or 0 for no limit. */
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

  /** Whether a round trip was longer than the shortest by more than this part of the slack. */
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
      // Nothing was sent for a while. Measure how fast the queued bytes arrived, not how fast they were sent.
      this.#addRate({ ...sent, firstAt: sent.at }, nowMs);
    }
    if (isNext) this.#endRound(nowMs, sent.limited);
    this.#addRate(sent, nowMs);
  }

  #addRate(sent: Sent, nowMs: number): void {
    const ms = Math.max(MIN_RTT_MS, sent.at - sent.firstAt, nowMs - sent.deliveredAt);
    // A sample over less than the shortest round trip only shows bunched acknowledgements.
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
      // The present rate is the most that the path carries.
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
