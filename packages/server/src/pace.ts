import type { Meter } from '@sws/protocol/internal';
import type { ServerCounters } from './counters.js';
import { atEndOfTurn, type TurnTask } from './end-of-turn.js';
import type { SocketLike } from './socket-like.js';

/** Shorter pauses cost more than they hold back. */
const MIN_PAUSE_MS = 5;
/**
 * How far a socket that cannot be paused may exceed its rate. Up to this, each message is answered with `congested`;
 * then the socket is closed with 4429.
 */
export const MAX_OVER_RATE_BYTES = 1_048_576;
/** After this long within its rate, a client's excess is forgotten. */
const HEED_MS = 1_000;
/** How much one socket may receive in a turn of the event loop, so that a flood does not delay other sockets. */
const TURN_BUDGET_BYTES = 262_144;
/** Only sockets that receive this much in a turn watch for its end, because watching costs time. */
const WATCHED_BYTES = 65_536;
/** A message counts as at least this many bytes of a turn. */
const MESSAGE_COST_BYTES = 512;
/** A frame over the rate counts as at least this many bytes, even an empty ping. */
const OVER_RATE_COST_BYTES = 64;

/** Whether a message is within the rate, over it, or so far over it that the client must be closed. */
export type Paced = 'within' | 'over' | 'far-over';

/** Decides when one socket is read: only within its client's rate and its share of a turn. */
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

  /** Whether reading is paused because the client is over its rate. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Counts messages or frames. A sender over its rate is paused: TCP applies backpressure, and nothing is lost. */
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

  /** Called at the end of a turn of the event loop. Reads the socket again if it had used up its share. */
  endTurn(): void {
    this.#turnBytes = 0;
    this.#watching = false;
    if (!this.#yielding) return;
    this.#yielding = false;
    this.#read();
  }

  /** Called when the connection closes. From then on only the share of a turn limits reading. */
  stop(): void {
    this.#paused = false;
    this.#read();
  }

  /** Counts data that is dropped. */
  drop(bytes: number, messages = 1): void {
    this.#share(bytes, messages);
  }

  /** Pauses for `waitMs`, at most `keepalive` at a time. */
  #pause(meter: Meter, now: number, waitMs: number): void {
    this.#counters.pauses++;
    this.#paused = true;
    this.#socket.pause();
    const latest = now + this.#keepaliveMs;
    const wait = (from: number, ms: number): void => {
      setTimeout(
        () => {
          const later = performance.now();
          // Data that had been read before the pause began counts too.
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

  /** Pauses a socket that has used its share of this turn until the next turn. */
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
