import { ElsewhereCount, type ElsewhereLimits } from '@sws/server';

/** How many connections of a network a worker has now. */
export interface CountRecord {
  readonly type: 'count';
  /** The kind: accepted connections, unregistered ones, or those without a whole request. */
  readonly of: string;
  readonly network: string;
  readonly size: number;
}

const KINDS = ['connections', 'pending', 'requests'] as const;
type Kind = (typeof KINDS)[number];

/** The counts of one sibling, by kind and network. */
export type SiblingCounts = Map<string, CountRecord>;

/**
 * Shares the number of each worker's connections per address. Changes are sent to the others at the end of the turn.
 * Therefore the bounds of connections hold for all workers together, for any distribution of a client's connections.
 */
export class SharedCounts {
  readonly elsewhere: ElsewhereLimits = {
    connections: new ElsewhereCount(),
    pending: new ElsewhereCount(),
    requests: new ElsewhereCount(),
  };
  /** The counts of this worker. */
  readonly #own: SiblingCounts = new Map();
  /** The counts that changed in this turn. */
  readonly #changed: SiblingCounts = new Map();
  #tell: (record: CountRecord) => void = () => {};

  constructor() {
    for (const of of KINDS)
      this.elsewhere[of].onchange = (network, size) => {
        const record = { type: 'count', of, network, size } as const;
        if (this.#changed.size === 0) setImmediate(() => this.#tellChanged());
        const name = nameOf(record);
        this.#changed.set(name, record);
        if (size === 0) this.#own.delete(name);
        else this.#own.set(name, record);
      };
  }

  /** Sets the function that sends a record to the siblings. */
  tellWith(tell: (record: CountRecord) => void): void {
    this.#tell = tell;
  }

  /** All records, for a new sibling. */
  all(): Iterable<CountRecord> {
    return this.#own.values();
  }

  /** Takes a record of a sibling. */
  heard(counts: SiblingCounts, record: CountRecord): void {
    const { of, network, size } = record;
    if (!isKind(of)) return;
    const name = nameOf(record);
    this.elsewhere[of].add(network, size - (counts.get(name)?.size ?? 0));
    if (size === 0) counts.delete(name);
    else counts.set(name, record);
  }

  /** A sibling is gone. Removes its connections from the counts. */
  lost(counts: SiblingCounts): void {
    for (const { of, network, size } of counts.values()) if (isKind(of)) this.elsewhere[of].add(network, -size);
  }

  #tellChanged(): void {
    for (const record of this.#changed.values()) this.#tell(record);
    this.#changed.clear();
  }
}

function nameOf({ of, network }: CountRecord): string {
  return `${of} ${network}`;
}

function isKind(of: string): of is Kind {
  return (KINDS as readonly string[]).includes(of);
}
