import { ElsewhereCount, type ElsewhereLimits } from '@sws/server';

/** So many connections of a network are at a worker now. */
export interface CountRecord {
  readonly type: 'count';
  /** Of which kind: connections that were let in, those that have not registered, or those without a whole request. */
  readonly of: string;
  readonly network: string;
  readonly size: number;
}

const KINDS = ['connections', 'pending', 'requests'] as const;
type Kind = (typeof KINDS)[number];

/** What one sibling has said, by kind and network. */
export type SiblingCounts = Map<string, CountRecord>;

/**
 * How many connections each worker has of each address, told to the others at the end of the turn in which it changed: so
 * the bounds of connections hold for all workers together, wherever a client's connections end up.
 */
export class SharedCounts {
  readonly elsewhere: ElsewhereLimits = {
    connections: new ElsewhereCount(),
    pending: new ElsewhereCount(),
    requests: new ElsewhereCount(),
  };
  /** What this worker has. */
  readonly #own: SiblingCounts = new Map();
  /** What has changed in this turn. */
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

  /** How siblings are told. */
  tellWith(tell: (record: CountRecord) => void): void {
    this.#tell = tell;
  }

  /** What a sibling is told when it is met. */
  all(): Iterable<CountRecord> {
    return this.#own.values();
  }

  /** A sibling says how many it has. */
  heard(counts: SiblingCounts, record: CountRecord): void {
    const { of, network, size } = record;
    if (!isKind(of)) return;
    const name = nameOf(record);
    this.elsewhere[of].add(network, size - (counts.get(name)?.size ?? 0));
    if (size === 0) counts.delete(name);
    else counts.set(name, record);
  }

  /** A sibling is gone, and its connections with it. */
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
