const MINUTE_MS = 60_000;

/** Reports frequent events once a minute, with their number. */
export class Seldom {
  readonly #tell: (count: number) => void;
  #toldAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(tell: (count: number) => void) {
    this.#tell = tell;
  }

  /** Counts an event. */
  note(): void {
    this.#count++;
    const now = performance.now();
    if (now - this.#toldAt < MINUTE_MS) return;
    this.#toldAt = now;
    const count = this.#count;
    this.#count = 0;
    this.#tell(count);
  }
}
