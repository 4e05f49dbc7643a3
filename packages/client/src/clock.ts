/** A gap between the two clocks of at least this much is sleep, or a step of the wall clock: either way it is asked, not assumed. */
const SLEEP_MS = 5_000;

/** The clock of all intervals, in milliseconds. A step of the wall clock does not move it; while a device sleeps it may stand still. */
export function monotonicNow(): number {
  return performance.now();
}

/** Notices that the device has slept: the wall clock went on without the monotonic one. */
export class SleepWatch {
  #monotonic = monotonicNow();
  #wall = Date.now();

  /** Whether the device may have slept since the last call. A wall clock that went back means nothing. */
  slept(): boolean {
    const [monotonic, wall] = [monotonicNow(), Date.now()];
    const ahead = wall - this.#wall - (monotonic - this.#monotonic);
    this.#monotonic = monotonic;
    this.#wall = wall;
    return ahead >= SLEEP_MS;
  }
}
