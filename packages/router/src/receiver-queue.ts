/** What may wait for one receiver. */
export const MAX_QUEUED_BYTES = 8 * 1_048_576;
const SHARED_BYTES = 4 * 1_048_576;
const MIN_SHARE_BYTES = 65_536;

/**
 * The bytes that wait for one receiver, shared between senders by dynamic threshold (Choudhury and Hahne, 1998): each may
 * have up to half of what is free, so many shrink each other fairly and one alone is never short (PROTOCOL §3).
 */
export class ReceiverQueue {
  #total = 0;
  readonly #bySender = new Map<string, number>();

  get bytes(): number {
    return this.#total;
  }

  /** Takes room for a MESSAGE of `bytes` from a sender, or says that there is none: `congested`. */
  take(sender: string, bytes: number): boolean {
    const own = this.#bySender.get(sender) ?? 0;
    const share = Math.max(MIN_SHARE_BYTES, (SHARED_BYTES - this.#total) / 2);
    if (own + bytes > share || this.#total + bytes > MAX_QUEUED_BYTES) return false;
    this.#bySender.set(sender, own + bytes);
    this.#total += bytes;
    return true;
  }

  /** The MESSAGE left the queue. */
  release(sender: string, bytes: number): void {
    this.#total -= bytes;
    const left = (this.#bySender.get(sender) ?? bytes) - bytes;
    if (left > 0) this.#bySender.set(sender, left);
    else this.#bySender.delete(sender);
  }
}
