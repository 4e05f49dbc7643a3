/** An admission that has not attached by then is forgotten. */
const ADMISSION_TIMEOUT_MS = 30_000;

/** The terms of admissions that have not attached yet. Two simultaneous admissions must not get the same term. */
export class PendingTerms {
  readonly #given = new Map<string, { readonly term: number; readonly until: number }>();

  /** Keys with an admission under way. */
  get size(): number {
    return this.#given.size;
  }

  /** The highest term given for a key, 0 for none. */
  highest(key: string): number {
    return this.#given.get(key)?.term ?? 0;
  }

  /** Holds a term until its admission attaches, its client is gone, or its time is over. */
  give(key: string, term: number, nowMs: number, signal?: AbortSignal): void {
    const given = { term, until: nowMs + ADMISSION_TIMEOUT_MS };
    this.#given.set(key, given);
    signal?.addEventListener(
      'abort',
      () => {
        if (this.#given.get(key) === given) this.#given.delete(key);
      },
      { once: true },
    );
  }

  /** The admission attached. */
  settle(key: string, term: number): void {
    if (this.highest(key) <= term) this.#given.delete(key);
  }

  /** Forgets the admissions whose time is over, oldest first. */
  expire(nowMs: number): void {
    for (const [key, { until }] of this.#given) if (until <= nowMs) this.#given.delete(key);
  }
}
