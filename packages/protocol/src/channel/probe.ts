import type { RandomBytes } from '@sws/crypto';

const FIRST_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 10_000;
const MAX_UNCONFIRMED_INTERVAL_MS = 8_000;
const IDLE_INTERVAL_MS = 30_000;
const INITIAL_RTT_MS = 200;

/** A PING or RESUME that may still be answered. */
export interface Question {
  readonly id: number;
  readonly sentAt: number;
  /** The seq of the next frame when the question was sent. */
  readonly cursor: number;
}

const REMEMBERED_QUESTIONS = 8;

/**
 * Decides when a channel asks the peer for a sign of life and its state (PING, RESUME), and measures since when it has
 * no answer. A separation begins when this end's connection is lost, or at the first unanswered PING (PROTOCOL §4).
 */
export class Probe {
  readonly #random: RandomBytes;
  #questions: Question[] = [];
  #wait = FIRST_INTERVAL_MS;
  #interval = FIRST_INTERVAL_MS;
  /** The start of the wait for the next PING while something is urgent … */
  #baseAt = 0;
  /** … and while nothing is urgent. */
  #idleFrom = 0;
  #urgent = false;
  #soonAt = Number.POSITIVE_INFINITY;
  #lostAt: number | null = null;
  /** When the first PING was sent since which nothing of the peer was received. */
  unansweredSince: number | null = null;
  /**
   * When the first PING was sent since which no question was answered. Frames of the peer do not show that it receives
   * ours.
   */
  askedSince: number | null = null;
  /** When the next PING is due; infinite if none is. */
  nextAt = Number.POSITIVE_INFINITY;
  /** Smoothed round-trip time in milliseconds (RFC 6298 §2). */
  rttMs = INITIAL_RTT_MS;
  /** Whether a frame of the peer has opened. */
  confirmed = false;

  constructor(random: RandomBytes) {
    this.#random = random;
  }

  get separated(): boolean {
    return this.separatedSince !== null;
  }
  get separatedSince(): number | null {
    if (this.#lostAt === null) return this.unansweredSince;
    return this.unansweredSince === null ? this.#lostAt : Math.min(this.#lostAt, this.unansweredSince);
  }

  /** A frame of the channel opened, which ends any separation. */
  heard(nowMs: number): void {
    this.#lostAt = null;
    this.unansweredSince = null;
    this.#soonAt = Number.POSITIVE_INFINITY;
    this.confirmed = true;
    this.#idleFrom = nowMs;
  }

  /** The peer acknowledged more. */
  progress(nowMs: number): void {
    this.askedSince = null;
    this.#restart(nowMs);
  }

  lost(nowMs: number): void {
    this.#lostAt ??= nowMs;
  }

  reconnected(nowMs: number): void {
    this.askedSince = null;
    this.#restart(nowMs);
  }

  /** A hint says that the peer may be gone. Asks at once, unless a question is pending. */
  askSoon(nowMs: number): void {
    if (this.unansweredSince === null) this.#soonAt = nowMs;
  }

  /** Plans `nextAt`. `hasUnacked`: data waits for the peer. A tombstone without such data does not ask. */
  plan(hasUnacked: boolean, tombstone: boolean, nowMs: number): void {
    const urgent = hasUnacked || !this.confirmed || this.separated;
    if (urgent && !this.#urgent) this.#restart(nowMs);
    this.#urgent = urgent;
    if (tombstone && !hasUnacked) this.nextAt = Number.POSITIVE_INFINITY;
    else this.nextAt = Math.min(this.#soonAt, urgent ? this.#baseAt + this.#wait : this.#idleFrom + IDLE_INTERVAL_MS);
    if (this.nextAt < nowMs) this.nextAt = nowMs;
  }

  due(nowMs: number): boolean {
    return nowMs >= this.nextAt;
  }

  /** Notes a question (PING or RESUME). Returns its id, which is new, random and not zero. */
  ask(ping: boolean, cursor: number, nowMs: number): number {
    const bytes = this.#random(6);
    let id = 0;
    for (const byte of bytes) id = id * 256 + byte;
    id += 1;
    this.#questions.push({ id, sentAt: nowMs, cursor });
    if (this.#questions.length > REMEMBERED_QUESTIONS) this.#questions.shift();
    if (ping) {
      this.unansweredSince ??= nowMs;
      this.askedSince ??= nowMs;
      this.#soonAt = Number.POSITIVE_INFINITY;
      this.#wait = this.#interval;
      this.#interval = Math.min(this.confirmed ? MAX_INTERVAL_MS : MAX_UNCONFIRMED_INTERVAL_MS, this.#interval * 2);
      this.#baseAt = nowMs;
      this.#idleFrom = nowMs;
    }
    return id;
  }

  /** An answer arrived. Returns its question, or `null` for an unknown id. */
  answer(id: number, nowMs: number): Question | null {
    const index = this.#questions.findIndex((question) => question.id === id);
    const question = this.#questions[index];
    if (question === undefined) return null;
    this.#questions.splice(0, index + 1);
    this.askedSince = null;
    this.rttMs = this.rttMs * 0.875 + (nowMs - question.sentAt) * 0.125;
    return question;
  }

  #restart(nowMs: number): void {
    this.#wait = FIRST_INTERVAL_MS;
    this.#interval = FIRST_INTERVAL_MS;
    this.#baseAt = nowMs;
  }
}
