/** How often silence is looked for. */
export const SWEEP_MS = 1_000;

/** A connection that is to be asked for a sign of life now and then. */
export interface Watched {
  /** `lateMs`: how long the process itself did not run, which is nobody's silence. */
  sweep(nowMs: number, lateMs: number): void;
}

const watched = new Set<Watched>();
let timer: ReturnType<typeof setInterval> | null = null;
/** Set with `timer`. */
let sweptAt: number;

function sweep(): void {
  const now = performance.now();
  const lateMs = Math.max(0, now - sweptAt - 2 * SWEEP_MS);
  sweptAt = now;
  for (const one of watched) one.sweep(now, lateMs);
}

/** Looks after a connection until `unwatch`: one timer for all, where a timer each would cost memory and wake-ups. */
export function watch(one: Watched): void {
  watched.add(one);
  if (timer !== null) return;
  sweptAt = performance.now();
  timer = setInterval(sweep, SWEEP_MS);
  timer.unref();
}

export function unwatch(one: Watched): void {
  watched.delete(one);
  if (watched.size > 0 || timer === null) return;
  clearInterval(timer);
  timer = null;
}
