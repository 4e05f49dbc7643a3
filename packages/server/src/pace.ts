import type { Meter } from '@sws/protocol/internal';
import type { ServerCounters } from './counters.js';
import { atEndOfTurn, type TurnTask } from './end-of-turn.js';
import type { SocketLike } from './socket-like.js';

/** Shorter pauses cost more than they hold back. */
const MIN_PAUSE_MS = 5;
/** Of a socket that can't be paused, this much over its rate is answered with `congested`; then it is closed with 4429. */
export const MAX_OVER_RATE_BYTES = 1_048_576;
/** Whoever stays within its rate for this long has taken heed. */
const HEED_MS = 1_000;
/** What one socket may take of a turn of the event loop, so that a flood on one does not hold up the others. */
const TURN_BUDGET_BYTES = 262_144;
/** Turns are told apart only for who takes much: their ends cost something. */
const WATCHED_BYTES = 65_536;
/** A message costs a turn at least this much. */
const MESSAGE_COST_BYTES = 512;
/** What is over the rate counts at least this much, a ping of no bytes as well. */
const OVER_RATE_COST_BYTES = 64;

/** What became of a message: within the rate, over it, or so far over it that the client is to be closed. */
export type Paced = 'within' | 'over' | 'far-over';

/** When one socket is read: not while its client is over its rate, and not out of its turn. */
export class Pace implements TurnTask {
  readonly #socket: SocketLike;
  readonly #meter: Meter | null;
  readonly #keepaliveMs: number;
  readonly #counters: ServerCounters;
  #paused = false;
  #yielding = false;
  #turnBytes = 0;
  #watching = false;
  #overBytes = 0;
  #overAt = 0;

  constructor(socket: SocketLike, meter: Meter | null, keepaliveMs: number, counters: ServerCounters) {
    this.#socket = socket;
    this.#meter = meter;
    this.#keepaliveMs = keepaliveMs;
    this.#counters = counters;
  }

  /** Whether the client is over its rate and not read meanwhile. */
  get paused(): boolean {
    return this.#paused;
  }

  /** So many messages, or frames that are none, came. Over its rate a sender is paused: TCP pushes back, and nothing is lost. */
  throttle(bytes: number, now: number, messages: number): Paced {
    this.#share(bytes, messages);
    const meter = this.#meter;
    if (meter === null) return 'within';
    if (!this.#socket.canPause && meter.waitMs(now) > 0)
      return this.#over(bytes + messages * OVER_RATE_COST_BYTES, now);
    meter.charge(bytes, now, messages);
    if (this.#paused || !this.#socket.canPause) return 'within';
    const waitMs = meter.waitMs(now);
    if (waitMs > 0) this.#pause(meter, now, waitMs);
    return 'within';
  }

  /** A turn of the event loop has ended: who was held back for the others' sake is read again. */
  endTurn(): void {
    this.#turnBytes = 0;
    this.#watching = false;
    if (!this.#yielding) return;
    this.#yielding = false;
    this.#read();
  }

  /** The connection is closed: what still comes is dropped, and read in turn only. */
  stop(): void {
    this.#paused = false;
    this.#read();
  }

  /** Something came that is to be dropped. */
  drop(bytes: number, messages = 1): void {
    this.#share(bytes, messages);
  }

  /** At most `keepalive` at a time. */
  #pause(meter: Meter, now: number, waitMs: number): void {
    this.#counters.pauses++;
    this.#paused = true;
    this.#socket.pause();
    const latest = now + this.#keepaliveMs;
    const wait = (from: number, ms: number): void => {
      setTimeout(
        () => {
          const later = performance.now();
          // What had been read already when the pause began has to be waited for as well.
          const more = meter.waitMs(later);
          if (!this.#paused) return; // it has stopped
          if (more > 0 && later < latest) return wait(later, more);
          this.#paused = false;
          this.#read();
        },
        Math.min(latest - from, Math.max(MIN_PAUSE_MS, ms)),
      );
    };
    wait(now, waitMs);
  }

  #over(bytes: number, now: number): Paced {
    if (now - this.#overAt > HEED_MS) this.#overBytes = 0;
    this.#overAt = now;
    this.#overBytes += bytes;
    return this.#overBytes > MAX_OVER_RATE_BYTES ? 'far-over' : 'over';
  }

  /** A socket that has had its share of this turn waits for the next. */
  #share(bytes: number, messages: number): void {
    if (!this.#socket.canPause) return;
    this.#turnBytes += bytes + messages * MESSAGE_COST_BYTES;
    if (this.#turnBytes < WATCHED_BYTES) return;
    if (!this.#watching) {
      this.#watching = true;
      atEndOfTurn(this);
    }
    if (this.#turnBytes < TURN_BUDGET_BYTES || this.#yielding) return;
    this.#yielding = true;
    this.#socket.pause();
  }

  #read(): void {
    if (!this.#paused && !this.#yielding) this.#socket.resume();
  }
}
