import type { Flight as RealFlight } from '../../src/channel/flight.js';

/** What a channel asks of a flight. */
type Interface = Pick<RealFlight, keyof RealFlight>;

/**
 * In the place of the real `Flight`: it holds DATA back whenever the search says so, until a timer comes. Whatever rates and
 * round trips the real one measures, it does at each moment what one of these does.
 */
export class Flight implements Interface {
  bytes = 0;
  freed = false;
  allowanceBytes = 0;
  halfGoneMs = 0;
  roomBytes = Number.POSITIVE_INFINITY;
  /** Until when it holds DATA back. */
  pacedUntilMs = 0;

  allows(_bytes: number, _own: number, nowMs: number): boolean {
    return nowMs >= this.pacedUntilMs;
  }

  holds(nowMs: number): boolean {
    return !this.allows(0, 0, nowMs);
  }

  /** Holds DATA back from here until the next timer. */
  hold(nowMs: number): void {
    this.pacedUntilMs = nowMs + 1;
  }

  sent(): null {
    return null;
  }

  reset(): void {}
  landed(): void {}
  idle(): void {}
  acknowledged(): void {}
  measured(): void {}
  slowDown(): void {}
}
