/** What the relay holds for a MESSAGE that waits, beside its bytes: buffers, callbacks and places in lists. */
export const QUEUED_COST_BYTES = 256;
/** However many there are, an address may have this much, and so may a receiver, as long as there is room at all. */
const MIN_SHARE_BYTES = 65_536;

const MIB = 1_048_576;
export const DEFAULT_MAX_QUEUED_BYTES = 512 * MIB;
export const DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS = 64 * MIB;

/** Which bound had no room: the receiver's own, that of all receivers of its address, or the node's. */
export type QueueBound = 'receiver' | 'address' | 'node';

/** What waits for all receivers of one address. */
export class AddressQueue {
  readonly #budget: QueueBudget;
  /** `null`: not known, and bounded by the node alone. */
  readonly #network: string | null;
  #bytes = 0;
  #receivers = 0;

  constructor(budget: QueueBudget, network: string | null) {
    this.#budget = budget;
    this.#network = network;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes room for `bytes` more of a receiver that has `queued` already, or says which bound has none. */
  tryReserve(queued: number, bytes: number): Exclude<QueueBound, 'receiver'> | null {
    const { maxBytes, maxBytesPerAddress, bytes: all } = this.#budget;
    if (this.#network !== null) {
      // Half of what is free, its own bytes set apart: x = (max - others - x) / 2.
      const part = Math.min(maxBytesPerAddress, Math.max(MIN_SHARE_BYTES, (maxBytes - all + this.#bytes) / 3));
      const ofReceiver = Math.max(MIN_SHARE_BYTES, (part - this.#bytes) / 2);
      if (queued + bytes > ofReceiver || this.#bytes + bytes > part)
        return part === maxBytesPerAddress ? 'address' : 'node';
    }
    if (all + bytes > maxBytes) return 'node';
    this.#bytes += bytes;
    this.#budget.bytes += bytes;
    return null;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.bytes -= bytes;
    this.#forget();
  }

  enter(): void {
    this.#receivers++;
  }
  /** A receiver is gone; what still waits for it is released as it is written or dropped. */
  leave(): void {
    this.#receivers--;
    this.#forget();
  }

  #forget(): void {
    if (this.#receivers === 0 && this.#bytes === 0 && this.#network !== null) this.#budget.forget(this.#network);
  }
}

/**
 * What waits at a node, in all and by the receivers' addresses (IPv6: /64), so that receivers that do not read can't fill
 * it. Shared as each receiver's queue is, by dynamic threshold: an address may have half of what the node has free, a
 * receiver half of what is left of that (PROTOCOL §3).
 */
export class QueueBudget {
  maxBytes = DEFAULT_MAX_QUEUED_BYTES;
  maxBytesPerAddress = DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS;
  /** Waiting, `QUEUED_COST_BYTES` for each MESSAGE included. */
  bytes = 0;
  readonly #addresses = new Map<string, AddressQueue>();
  readonly #unknown = new AddressQueue(this, null);

  /** @throws RangeError for a bound under 65,536 bytes */
  constructor(maxBytes?: number, maxBytesPerAddress?: number) {
    this.setBounds(maxBytes, maxBytesPerAddress);
  }

  /** What waits stays; what comes finds the new bounds. @throws RangeError for a bound under 65,536 bytes */
  setBounds(
    maxBytes = DEFAULT_MAX_QUEUED_BYTES,
    maxBytesPerAddress = Math.min(DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS, maxBytes),
  ): void {
    checkBytes('maxQueuedBytes', maxBytes);
    checkBytes('maxQueuedBytesPerAddress', maxBytesPerAddress);
    this.maxBytes = maxBytes;
    this.maxBytesPerAddress = maxBytesPerAddress;
  }

  /** Addresses that have receivers, or something waiting. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** For a receiver of this address. */
  address(network: string | null): AddressQueue {
    if (network === null) return this.#unknown;
    let address = this.#addresses.get(network);
    if (address === undefined) {
      address = new AddressQueue(this, network);
      this.#addresses.set(network, address);
    }
    return address;
  }

  forget(network: string): void {
    this.#addresses.delete(network);
  }
}

function checkBytes(name: string, bytes: number): void {
  if (!(bytes >= MIN_SHARE_BYTES))
    throw new RangeError(`${name} must be at least ${MIN_SHARE_BYTES} bytes, got ${bytes}`);
}
