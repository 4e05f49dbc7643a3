import { AggregatorRegistry, type Registry } from 'prom-client';

/** A registry's metrics as JSON. */
type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/**
 * The metrics of several workers as those of one relay. When a worker ends, its last counts stay in the sums, because a
 * falling sum would look like a restart to Prometheus.
 */
export class SummedMetrics {
  readonly #last = new Map<number, Metrics>();
  /** The sums of all ended workers. */
  #ended: Metrics = [];

  /** Reads and sums all workers. Without an answer, a worker's last metrics count. `own` are the caller's metrics. */
  async read(workers: ReadonlyMap<number, () => Promise<string>>, own: Registry): Promise<string> {
    await Promise.all(
      [...workers].map(async ([id, ask]) => {
        try {
          const metrics = JSON.parse(await ask()) as Metrics;
          if (workers.has(id)) this.#last.set(id, metrics);
        } catch {
          // It hangs, or has just ended. Use its last metrics.
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
