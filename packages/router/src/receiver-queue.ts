import { Deque } from '@sws/protocol/internal';
import { type AddressQueue, QUEUED_COST_BYTES, type QueueBound } from './queue-budget.js';

/** The most bytes that may wait for one receiver. */
export const MAX_QUEUED_BYTES = 8 * 1_048_576;
const SHARED_BYTES = 4 * 1_048_576;
const MIN_SHARE_BYTES = 65_536;
/**
 * A sender is told when more than this part of its allowance waits. It is told again only after half of what waited has
 * gone.
 */
const BACKLOG_PART = 3 / 8;
/** How many senders with an empty queue are remembered. */
const MAX_IDLE_FLOWS = 64;

/** The part of a receiver's queue that belongs to one sender. */
interface Flow {
  bytes: number;
  /** Whether the sender was told that much waits, and half of that has not gone since. */
  told: boolean;
}

/**
 * The bytes that wait for one receiver, shared between senders by dynamic threshold (Choudhury and Hahne, 1998). Each
 * sender may have up to half of the free space: many get equal shares, and one alone gets enough (PROTOCOL §3).
 */
export class ReceiverQueue {
  readonly #address: AddressQueue;
  #total = 0;
  /** The waiting bytes with the extra cost of each MESSAGE. */
  #cost = 0;
  readonly #flows = new Map<string, Flow>();
  #pruneAt = MAX_IDLE_FLOWS;
  /** The sender of each MESSAGE, in order. */
  readonly #queued = new Deque<Flow>();
  readonly #sizes = new Deque<number>();

  /** `address` bounds the bytes that wait for all receivers of one address. */
  constructor(address: AddressQueue) {
    this.#address = address;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Whether the sender of the last reserved MESSAGE must now be told of its backlog (`BACKLOG`). */
  isBacklog = false;

  /** How many senders are remembered, with or without queued MESSAGEs. */
  get senders(): number {
    return this.#flows.size;
  }

  /** Reserves room for a sender's MESSAGE of `bytes`. Returns `null`, or the bound without room (`congested`). */
  tryReserve(sender: string, bytes: number): QueueBound | null {
    const flow = this.#flows.get(sender) ?? this.#newFlow(sender);
    const share = Math.max(MIN_SHARE_BYTES, (SHARED_BYTES - this.#total) / 2);
    this.isBacklog = false;
    if (flow.bytes + bytes > share || this.#total + bytes > MAX_QUEUED_BYTES) return 'receiver';
    const full = this.#address.tryReserve(this.#cost, bytes + QUEUED_COST_BYTES);
    if (full !== null) return full;
    this.#cost += bytes + QUEUED_COST_BYTES;
    flow.bytes += bytes;
    this.#total += bytes;
    this.#queued.push(flow);
    this.#sizes.push(bytes);
    this.#watch(flow, share * BACKLOG_PART);
    return null;
  }

  /** The first `count` MESSAGEs left the queue. */
  release(count: number): void {
    const left = Math.min(count, this.#queued.length);
    let released = left * QUEUED_COST_BYTES;
    for (let i = 0; i < left; i++) {
      const flow = this.#queued.shift();
      const bytes = this.#sizes.shift() ?? 0;
      if (flow !== undefined) flow.bytes -= bytes;
      this.#total -= bytes;
      released += bytes;
    }
    this.#cost -= released;
    this.#address.release(released);
  }

  #watch(flow: Flow, tellAbove: number): void {
    if (flow.bytes > tellAbove) {
      this.isBacklog = !flow.told;
      flow.told = true;
    } else if (flow.bytes < tellAbove / 2) flow.told = false;
  }

  #newFlow(sender: string): Flow {
    if (this.#flows.size >= this.#pruneAt) {
      for (const [name, { bytes }] of this.#flows) if (bytes === 0) this.#flows.delete(name);
      this.#pruneAt = Math.max(MAX_IDLE_FLOWS, 2 * this.#flows.size);
    }
    const flow = { bytes: 0, told: false };
    this.#flows.set(sender, flow);
    return flow;
  }
}
