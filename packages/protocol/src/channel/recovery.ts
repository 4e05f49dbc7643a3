import type { RandomBytes } from '@sws/crypto';
import { jitter } from './channel-settings.js';
import type { Outgoing } from './outgoing.js';

const MIN_PASS_INTERVAL_MS = 200;
const RESUME_REPEAT_MS = 1_000;
const CONGESTED_MIN_MS = 100;
const CONGESTED_MAX_MS = 5_000;

/** When a channel sends again what the peer lacks, and when it asks the peer to (PROTOCOL §4, Resume). */
export class Recovery {
  /** When a resend pass begins; infinite if none is due. */
  passAt = Number.POSITIVE_INFINITY;
  /** Until when the relay's `congested` holds DATA back. */
  heldUntil = Number.NEGATIVE_INFINITY;
  #lastPassAt = Number.NEGATIVE_INFINITY;
  #gap: { readonly seq: number; readonly askedAt: number } | null = null;
  #tookAt = Number.NEGATIVE_INFINITY;

  /** Frame `next - 1` was taken in order. */
  took(next: number, nowMs: number): void {
    this.#tookAt = nowMs;
    if (this.#gap !== null && next > this.#gap.seq) this.#gap = null;
  }

  /** A frame above the next one came: whether the peer is to be asked (RESUME), at most once without progress per max(1 s, 2 RTT). */
  sawGap(seq: number, rttMs: number, nowMs: number): boolean {
    const wait = Math.max(RESUME_REPEAT_MS, 2 * rttMs);
    if (this.#gap !== null && nowMs - Math.max(this.#gap.askedAt, this.#tookAt) < wait) return false;
    this.#gap = { seq, askedAt: nowMs };
    return true;
  }

  /** The peer lacks frames that were sent: a resend pass is due, at most one per RTT (200 ms at least). */
  passSoon(rttMs: number, nowMs: number): void {
    const earliest = Math.max(nowMs, this.#lastPassAt + Math.max(MIN_PASS_INTERVAL_MS, rttMs), this.heldUntil);
    this.passAt = Math.min(this.passAt, earliest);
  }

  /** Begins the pass that is due, if one is. */
  startPass(outgoing: Outgoing, nowMs: number): void {
    if (nowMs < this.passAt) return;
    this.passAt = Number.POSITIVE_INFINITY;
    this.#lastPassAt = nowMs;
    outgoing.resend();
  }

  /** The relay had no room for a frame: half as much in flight, a random wait, a resend; once per pass. */
  congested(outgoing: Outgoing, random: RandomBytes, nowMs: number): void {
    if (nowMs < this.heldUntil) return;
    outgoing.slowDown();
    this.heldUntil = nowMs + jitter(random, CONGESTED_MIN_MS, CONGESTED_MAX_MS);
    this.passAt = this.heldUntil;
  }
}
