interface Planned {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** More than any sound run needs: past it something runs in circles. */
const MAX_ACTIONS = 500_000;

/** Virtual time: actions run in the order of their times, those of one time in the order they were planned. */
export class Clock {
  now = 1_000_000;
  readonly #heap: Planned[] = [];
  #planned = 0;
  #done = 0;

  after(delayMs: number, action: () => void): void {
    const planned: Planned = { atMs: this.now + Math.max(0, delayMs), order: this.#planned++, action };
    const heap = this.#heap;
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, planned)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = planned;
  }

  /** Lets this much time pass. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= until; next = this.#heap[0]) {
      this.#removeFirst();
      this.now = Math.max(this.now, next.atMs);
      if (++this.#done > MAX_ACTIONS) throw new Error(`more than ${MAX_ACTIONS} actions: the machines run in circles`);
      next.action();
    }
    this.now = until;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const [child, index] = right !== undefined && isBefore(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
