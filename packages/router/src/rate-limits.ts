import type { Meter, Rate } from '@sws/protocol/internal';

/** A burst may be this many seconds' worth. */
const BURST_SECONDS = 2;
const BURST_MS = BURST_SECONDS * 1_000;
/** What was read before a pause began is owed, but never more than this: the longest pause. */
const MAX_DEBT_MS = 60_000;
/** Buckets that have filled up again are forgotten this often. */
const SWEEP_MS = 10_000;

/**
 * A token bucket of messages and one of bytes, kept as the time at which each will be full again (the generic cell rate
 * algorithm): two numbers, no timer.
 */
class Bucket {
  /** Full again at, ms. */
  #messagesAt = 0;
  #bytesAt = 0;
  /** No longer in the table: look for a new one. */
  retired = false;

  charge(rate: Rate, messages: number, bytes: number, nowMs: number): void {
    const latest = nowMs + BURST_MS + MAX_DEBT_MS;
    const messagesAt = Math.max(this.#messagesAt, nowMs) + (messages * 1_000) / rate.messagesPerSecond;
    const bytesAt = Math.max(this.#bytesAt, nowMs) + (bytes * 1_000) / rate.bytesPerSecond;
    this.#messagesAt = Math.min(messagesAt, latest);
    this.#bytesAt = Math.min(bytesAt, latest);
  }
  waitMs(nowMs: number): number {
    return Math.max(0, this.#messagesAt - nowMs - BURST_MS, this.#bytesAt - nowMs - BURST_MS);
  }
  isFull(nowMs: number): boolean {
    return this.#messagesAt <= nowMs && this.#bytesAt <= nowMs;
  }
}

/** Holds one client to the rates of its key and of its address. */
class RateMeter implements Meter {
  readonly #limits: RateLimits;
  readonly #key: string;
  readonly #network: string | null;
  /** The key's own rate, `null` where it has that of everybody. */
  readonly #own: Rate | null;
  #ofKey: Bucket | null = null;
  #ofNetwork: Bucket | null = null;

  constructor(limits: RateLimits, key: string, network: string | null, own: Rate | null) {
    this.#limits = limits;
    this.#key = key;
    this.#network = network;
    this.#own = own;
  }

  /** Notes so many messages with so many bytes in all. `nowMs` is of a monotonic clock. */
  charge(bytes: number, nowMs: number, messages = 1): void {
    const { perKey, perAddress } = this.#limits;
    if (this.#ofKey === null || this.#ofKey.retired) this.#ofKey = this.#limits.bucket(this.#key);
    this.#ofKey.charge(this.#own ?? perKey, messages, bytes, nowMs);
    if (this.#network === null) return;
    if (this.#ofNetwork === null || this.#ofNetwork.retired) this.#ofNetwork = this.#limits.bucket(this.#network);
    this.#ofNetwork.charge(perAddress, messages, bytes, nowMs);
  }

  /** Ms until the client may send again; 0 if it may. */
  waitMs(nowMs: number): number {
    return Math.max(this.#ofKey?.waitMs(nowMs) ?? 0, this.#ofNetwork?.waitMs(nowMs) ?? 0);
  }
}

/** The rates of all keys and addresses. A bucket outlives its connection: coming back does not fill it. */
export class RateLimits {
  /** May be changed: what is sent from then on counts by the new one. */
  perKey: Rate;
  /** May be changed, as `perKey`. */
  perAddress: Rate;
  readonly #buckets = new Map<string, Bucket>();
  readonly #sweep: ReturnType<typeof setInterval>;

  constructor(perKey: Rate, perAddress: Rate) {
    this.perKey = perKey;
    this.perAddress = perAddress;
    this.#sweep = setInterval(() => this.forgetFull(performance.now()), SWEEP_MS);
    this.#sweep.unref();
  }

  /** Buckets that are not full. */
  get size(): number {
    return this.#buckets.size;
  }

  /** For one client, with a rate of its own where it has one; a key and a network are never spelled alike. */
  meter(key: string, network: string | null, own: Rate | null = null): Meter {
    return new RateMeter(this, key, network, own);
  }

  bucket(name: string): Bucket {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new Bucket();
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }

  /** A full bucket is as good as none. */
  forgetFull(nowMs: number): void {
    for (const [name, bucket] of this.#buckets) {
      if (!bucket.isFull(nowMs)) continue;
      bucket.retired = true;
      this.#buckets.delete(name);
    }
  }

  close(): void {
    clearInterval(this.#sweep);
  }
}
