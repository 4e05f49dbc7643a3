/** The relay's memory for a waiting MESSAGE beside its bytes: buffers, callbacks and entries in lists. */
export const QUEUED_COST_BYTES = 256;
/** Every address, and every receiver, may have at least this much while there is room. */
const MIN_SHARE_BYTES = 65_536;

const MIB = 1_048_576;
export const DEFAULT_MAX_QUEUED_BYTES = 512 * MIB;
export const DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS = 64 * MIB;

/** The bound without room: that of the receiver, of all receivers of its address, or of the node. */
export type QueueBound = 'receiver' | 'address' | 'node';

/** The bytes that wait for all receivers of one address. */
export class AddressQueue {
  readonly #budget: QueueBudget;
  /** `null` if unknown: then only the node's bound applies. */
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

  /** Reserves `bytes` for a receiver that has `queued` bytes already. Returns `null`, or the bound without room. */
  tryReserve(queued: number, bytes: number): Exclude<QueueBound, 'receiver'> | null {
    const { maxBytes, maxBytesPerAddress, bytes: all } = this.#budget;
    if (this.#network !== null) {
      // Half of the free space, without the address's own bytes: x = (max - others - x) / 2.
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
  /** A receiver is gone. The bytes that still wait for it are released when they are written or dropped. */
  leave(): void {
    this.#receivers--;
    this.#forget();
  }

  #forget(): void {
    if (this.#receivers === 0 && this.#bytes === 0 && this.#network !== null) this.#budget.forget(this.#network);
  }
}

/**
 * Bounds the bytes that wait at a node, in total and per address of the receivers (IPv6: per /64), because receivers
 * that do not read could fill its memory. It shares them by dynamic threshold, like a receiver's queue: an address may
 * have half of the node's free bytes, and a receiver half of the address's free bytes (PROTOCOL §3).
 */
export class QueueBudget {
  maxBytes = DEFAULT_MAX_QUEUED_BYTES;
  maxBytesPerAddress = DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS;
  /** The waiting bytes, including `QUEUED_COST_BYTES` for each MESSAGE. */
  bytes = 0;
  readonly #addresses = new Map<string, AddressQueue>();
  readonly #unknown = new AddressQueue(this, null);

  /** @throws RangeError for a bound under 65,536 bytes */
  constructor(maxBytes?: number, maxBytesPerAddress?: number) {
    this.setBounds(maxBytes, maxBytesPerAddress);
  }

  /** Changes the bounds for later MESSAGEs; waiting ones stay. @throws RangeError for a bound under 65,536 bytes */
  setBounds(
    maxBytes = DEFAULT_MAX_QUEUED_BYTES,
    maxBytesPerAddress = Math.min(DEFAULT_MAX_QUEUED_BYTES_PER_ADDRESS, maxBytes),
  ): void {
    checkBytes('maxQueuedBytes', maxBytes);
    checkBytes('maxQueuedBytesPerAddress', maxBytesPerAddress);
    this.maxBytes = maxBytes;
    this.maxBytesPerAddress = maxBytesPerAddress;
  }

  /** How many addresses have receivers or waiting bytes. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** The queue of an address, for one more receiver. */
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
