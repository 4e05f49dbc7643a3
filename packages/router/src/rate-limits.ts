import type { Meter, Rate } from '@sws/protocol/internal';

/** The size of a burst, in seconds of the rate. */
const BURST_SECONDS = 2;
const BURST_MS = BURST_SECONDS * 1_000;
/** The longest debt, and pause, for data that was read before a pause began. */
const MAX_DEBT_MS = 60_000;
/** How often full buckets are forgotten. */
const SWEEP_MS = 10_000;

/**
 * A token bucket for messages and one for bytes. Each is stored as the time at which it will be full again (the generic
 * cell rate algorithm), and needs no timer.
 */
class Bucket {
  /** When the bucket of messages is full again, in ms. */
  #messagesAt = 0;
  #bytesAt = 0;
  /** The bucket is no longer in the table, and its users must get a new one. */
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
  /** The key's own rate; `null` for the common rate. */
  readonly #own: Rate | null;
  #ofKey: Bucket | null = null;
  #ofNetwork: Bucket | null = null;

  constructor(limits: RateLimits, key: string, network: string | null, own: Rate | null) {
    this.#limits = limits;
    this.#key = key;
    this.#network = network;
    this.#own = own;
  }

  /** Charges `messages` messages of `bytes` bytes in total. `nowMs` is from a monotonic clock. */
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

/** The rates of all keys and addresses. A bucket outlives its connection: reconnecting does not fill it. */
export class RateLimits {
  /** The rate per key. It can be changed, and later messages count by the new rate. */
  perKey: Rate;
  /** The rate per address. It can be changed like `perKey`. */
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

  /** The meter of one client, by its own rate or the common one. A key and a network never have the same name. */
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

  /** Forgets full buckets, because a new bucket is full too. */
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
