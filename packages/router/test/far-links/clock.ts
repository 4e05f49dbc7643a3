/** Virtual time in ms: actions run in the order of their times, those of one time in the order they were planned. */
export class Clock {
  now = 1_000_000;
  /** Sorted, the next last. */
  readonly #planned: { readonly atMs: number; readonly action: () => void }[] = [];

  at(atMs: number, action: () => void): void {
    const planned = this.#planned;
    let [from, to] = [0, planned.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((planned[middle]?.atMs ?? 0) > atMs) from = middle + 1;
      else to = middle;
    }
    planned.splice(from, 0, { atMs: Math.max(this.now, atMs), action });
  }

  /** Runs until `done`, at most for `ms`; how long it took. */
  run(ms: number, done: () => boolean = () => false): number {
    const started = this.now;
    for (let next = this.#planned.at(-1); next !== undefined && !done(); next = this.#planned.at(-1)) {
      if (next.atMs > started + ms) break;
      this.#planned.pop();
      this.now = next.atMs;
      next.action();
    }
    if (!done()) this.now = started + ms;
    return this.now - started;
  }
}
