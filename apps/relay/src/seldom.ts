const MINUTE_MS = 60_000;

/** Of what happens often, one a minute is told, and how many there were. */
export class Seldom {
  readonly #tell: (count: number) => void;
  #toldAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(tell: (count: number) => void) {
    this.#tell = tell;
  }

  /** It happened. */
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
