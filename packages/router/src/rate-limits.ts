/** Of messages and of bytes; `Infinity` for none. */
export interface Rate {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** A burst may be this many seconds' worth. */
export const BURST_SECONDS = 2;
const BURST_MS = BURST_SECONDS * 1_000;
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

  charge(rate: Rate, bytes: number, nowMs: number): void {
    this.#messagesAt = Math.max(this.#messagesAt, nowMs) + 1_000 / rate.messagesPerSecond;
    this.#bytesAt = Math.max(this.#bytesAt, nowMs) + (bytes * 1_000) / rate.bytesPerSecond;
  }
  waitMs(nowMs: number): number {
    return Math.max(0, this.#messagesAt - nowMs - BURST_MS, this.#bytesAt - nowMs - BURST_MS);
  }
  isFull(nowMs: number): boolean {
    return this.#messagesAt <= nowMs && this.#bytesAt <= nowMs;
  }
}

/** Holds one client to the rates of its key and of its address. */
export class Meter {
  readonly #limits: RateLimits;
  readonly #key: string;
  readonly #network: string | null;
  #ofKey: Bucket | null = null;
  #ofNetwork: Bucket | null = null;

  constructor(limits: RateLimits, key: string, network: string | null) {
    this.#limits = limits;
    this.#key = key;
    this.#network = network;
  }

  /** Notes a message of so many bytes. */
  charge(bytes: number, nowMs: number): void {
    const { perKey, perAddress } = this.#limits;
    if (this.#ofKey === null || this.#ofKey.retired) this.#ofKey = this.#limits.bucket(this.#key);
    this.#ofKey.charge(perKey, bytes, nowMs);
    if (this.#network === null) return;
    if (this.#ofNetwork === null || this.#ofNetwork.retired) this.#ofNetwork = this.#limits.bucket(this.#network);
    this.#ofNetwork.charge(perAddress, bytes, nowMs);
  }

  /** Ms until the client may send again; 0 if it may. */
  waitMs(nowMs: number): number {
    return Math.max(this.#ofKey?.waitMs(nowMs) ?? 0, this.#ofNetwork?.waitMs(nowMs) ?? 0);
  }
}

/** The rates of all keys and addresses. A bucket outlives its connection: coming back does not fill it. */
export class RateLimits {
  readonly perKey: Rate;
  readonly perAddress: Rate;
  readonly #buckets = new Map<string, Bucket>();
  readonly #sweep: ReturnType<typeof setInterval>;

  constructor(perKey: Rate, perAddress: Rate) {
    this.perKey = perKey;
    this.perAddress = perAddress;
    this.#sweep = setInterval(() => this.forgetFull(Date.now()), SWEEP_MS);
    this.#sweep.unref();
  }

  /** Buckets that are not full. */
  get size(): number {
    return this.#buckets.size;
  }

  /** For one client; a key and a network are never spelled alike. */
  meter(key: string, network: string | null): Meter {
    return new Meter(this, key, network);
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
