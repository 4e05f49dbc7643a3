/** What may wait for one receiver. */
export const MAX_QUEUED_BYTES = 8 * 1_048_576;
const SHARED_BYTES = 4 * 1_048_576;
const MIN_SHARE_BYTES = 65_536;
/** Senders with nothing in the queue are forgotten once there are this many. */
const MAX_IDLE_FLOWS = 64;

/** What one sender has in a receiver's queue. */
interface Flow {
  bytes: number;
}

/**
 * The bytes that wait for one receiver, shared between senders by dynamic threshold (Choudhury and Hahne, 1998): each may
 * have up to half of what is free, so many shrink each other fairly and one alone is never short (PROTOCOL §3).
 */
export class ReceiverQueue {
  #total = 0;
  readonly #flows = new Map<string, Flow>();
  #pruneAt = MAX_IDLE_FLOWS;
  /** The MESSAGEs in order, from `#head` on: whose, and how large. */
  #queued: Flow[] = [];
  #sizes: number[] = [];
  #head = 0;

  get bytes(): number {
    return this.#total;
  }

  /** Senders that are remembered, with or without anything queued. */
  get senders(): number {
    return this.#flows.size;
  }

  /** Takes room for a MESSAGE of `bytes` from a sender, or says that there is none: `congested`. */
  take(sender: string, bytes: number): boolean {
    const flow = this.#flows.get(sender) ?? this.#newFlow(sender);
    const share = Math.max(MIN_SHARE_BYTES, (SHARED_BYTES - this.#total) / 2);
    if (flow.bytes + bytes > share || this.#total + bytes > MAX_QUEUED_BYTES) return false;
    flow.bytes += bytes;
    this.#total += bytes;
    this.#queued.push(flow);
    this.#sizes.push(bytes);
    return true;
  }

  /** The first `count` MESSAGEs left the queue. */
  release(count: number): void {
    const end = Math.min(this.#head + count, this.#queued.length);
    for (let i = this.#head; i < end; i++) {
      const flow = this.#queued[i];
      const bytes = this.#sizes[i] ?? 0;
      if (flow !== undefined) flow.bytes -= bytes;
      this.#total -= bytes;
    }
    this.#head = end;
    if (end === this.#queued.length) {
      this.#queued = [];
      this.#sizes = [];
      this.#head = 0;
    } else if (end > 1_024 && end > this.#queued.length / 2) {
      this.#queued = this.#queued.slice(end);
      this.#sizes = this.#sizes.slice(end);
      this.#head = 0;
    }
  }

  #newFlow(sender: string): Flow {
    if (this.#flows.size >= this.#pruneAt) {
      for (const [name, { bytes }] of this.#flows) if (bytes === 0) this.#flows.delete(name);
      this.#pruneAt = Math.max(MAX_IDLE_FLOWS, 2 * this.#flows.size);
    }
    const flow = { bytes: 0 };
    this.#flows.set(sender, flow);
    return flow;
  }
}
