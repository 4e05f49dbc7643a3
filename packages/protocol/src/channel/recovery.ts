import type { RandomBytes } from '@sws/crypto';
import { jitter } from './jitter.js';
import type { Outgoing } from './outgoing.js';

const MIN_PASS_INTERVAL_MS = 200;
const RESUME_REPEAT_MS = 1_000;
const CONGESTED_MIN_MS = 100;
const CONGESTED_MAX_MS = 5_000;

/** Decides when a channel sends frames again, and when it asks the peer to (PROTOCOL §4, Resume). */
export class Recovery {
  /** When a resend pass begins; infinite if none is due. */
  passAt = Number.POSITIVE_INFINITY;
  /** Until when DATA waits because of the relay's `congested`. */
  heldUntil = Number.NEGATIVE_INFINITY;
  #lastPassAt = Number.NEGATIVE_INFINITY;
  /** The seq at which the pass begins; 0 for the first unacknowledged one. */
  #passFrom = 0;
  /** Refusals since the peer last acknowledged more. Each doubles the wait, at most 5 times. */
  #refusals = 0;
  #gap: { readonly seq: number; readonly askedAt: number } | null = null;
  #tookAt = Number.NEGATIVE_INFINITY;

  /** Frame `next - 1` was taken in order. */
  took(next: number, nowMs: number): void {
    this.#tookAt = nowMs;
    if (this.#gap !== null && next > this.#gap.seq) this.#gap = null;
  }

  /**
   * A frame after a gap arrived. Returns whether to ask the peer (RESUME): without progress, once per max(1 s, 2 RTT).
   */
  sawGap(seq: number, rttMs: number, nowMs: number): boolean {
    const wait = Math.max(RESUME_REPEAT_MS, 2 * rttMs);
    if (this.#gap !== null && nowMs - Math.max(this.#gap.askedAt, this.#tookAt) < wait) return false;
    this.#gap = { seq, askedAt: nowMs };
    return true;
  }

  /** The peer lacks sent frames. Schedules a resend pass, at most one per RTT (at least 200 ms). */
  passSoon(rttMs: number, nowMs: number): void {
    this.#passFrom = 0;
    const earliest = Math.max(nowMs, this.#lastPassAt + Math.max(MIN_PASS_INTERVAL_MS, rttMs), this.heldUntil);
    this.passAt = Math.min(this.passAt, earliest);
  }

  /** Begins a pass if one is due. */
  startPass(outgoing: Outgoing, nowMs: number): void {
    if (nowMs < this.passAt) return;
    this.passAt = Number.POSITIVE_INFINITY;
    this.#lastPassAt = nowMs;
    outgoing.resend(this.#passFrom);
  }

  /** The peer acknowledged more. */
  progress(): void {
    this.#refusals = 0;
  }

  /**
   * The relay had no room for frame `seq`. Once per pass, this halves the bytes in flight, waits until about half of
   * them are gone, and resends from `seq`. Frames before it may have arrived; the peer cannot use those after it.
   */
  congested(seq: number, outgoing: Outgoing, random: RandomBytes, nowMs: number): void {
    const isDue = this.passAt !== Number.POSITIVE_INFINITY;
    this.#passFrom = isDue ? Math.min(this.#passFrom, seq) : seq;
    if (nowMs < this.heldUntil) return;
    const goneMs = Math.max(CONGESTED_MIN_MS, outgoing.flight.halfGoneMs);
    const waitMs = Math.min(CONGESTED_MAX_MS / 2, goneMs * 2 ** this.#refusals);
    this.#refusals = Math.min(5, this.#refusals + 1);
    outgoing.flight.slowDown();
    this.heldUntil = nowMs + jitter(random, waitMs, 2 * waitMs);
    this.passAt = this.heldUntil;
  }
}
