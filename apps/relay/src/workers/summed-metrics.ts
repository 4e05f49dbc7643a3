import { AggregatorRegistry, type Registry } from 'prom-client';

/** A registry's metrics as JSON. */
type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/**
 * The metrics of several workers as those of one relay. What a worker had counted when it was last read stays counted after
 * its death: a sum that fell would look to Prometheus like a restart.
 */
export class SummedMetrics {
  readonly #last = new Map<number, Metrics>();
  /** What workers that have ended had counted, together. */
  #ended: Metrics = [];

  /** Reads all workers and sums; one that does not answer counts as it was. `own` are the metrics of whoever asks. */
  async read(workers: ReadonlyMap<number, () => Promise<string>>, own: Registry): Promise<string> {
    await Promise.all(
      [...workers].map(async ([id, ask]) => {
        try {
          const metrics = JSON.parse(await ask()) as Metrics;
          if (workers.has(id)) this.#last.set(id, metrics);
        } catch {
          // It stands still, or has just died: what it said last is told.
        }
      }),
    );
    const all = [this.#ended, ...this.#last.values(), await own.getMetricsAsJSON()];
    return AggregatorRegistry.aggregate(all).metrics();
  }

  /** A worker has ended. */
  async ended(id: number): Promise<void> {
    const last = this.#last.get(id);
    if (last === undefined) return;
    this.#last.delete(id);
    const counted = last.filter(({ type }) => String(type) === 'counter' || String(type) === 'histogram');
    this.#ended = await AggregatorRegistry.aggregate([this.#ended, counted]).getMetricsAsJSON();
  }
}
