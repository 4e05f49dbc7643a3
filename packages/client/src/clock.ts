/**
 * A gap between the two clocks of at least this is sleep or a step of the wall clock. The connection is then checked.
 */
const SLEEP_MS = 5_000;

/**
 * The clock of all intervals, in ms. A step of the wall clock does not change it. It may stop while a device sleeps.
 */
export function monotonicNow(): number {
  return performance.now();
}

/** Notices that the device has slept, because the wall clock went on without the monotonic clock. */
export class SleepWatch {
  #monotonic = monotonicNow();
  #wall = Date.now();

  /**
   * Whether the device may have slept between the last call and `monotonic`, which is now. A step back of the wall clock
   * does not count.
   */
  slept(monotonic: number): boolean {
    const wall = Date.now();
    const ahead = wall - this.#wall - (monotonic - this.#monotonic);
    this.#monotonic = monotonic;
    this.#wall = wall;
    return ahead >= SLEEP_MS;
  }
}
