/** How often connections are checked for silence. */
export const SWEEP_MS = 1_000;

/** A connection that is checked for signs of life. */
export interface Watched {
  /** Checks the connection. `lateMs` is how long this process did not run; that time does not count as silence. */
  sweep(nowMs: number, lateMs: number): void;
}

const watched = new Set<Watched>();
let timer: ReturnType<typeof setInterval> | null = null;
/** The time of the last sweep; set while `timer` is. */
let sweptAt: number;

function sweep(): void {
  const now = performance.now();
  const lateMs = Math.max(0, now - sweptAt - 2 * SWEEP_MS);
  sweptAt = now;
  for (const one of watched) one.sweep(now, lateMs);
}

/** Checks a connection until `unwatch`. One timer serves all connections, which saves memory and wake-ups. */
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
