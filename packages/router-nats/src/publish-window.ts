/** The most bytes that may be on their way to NATS without its confirmation. */
export const MAX_UNCONFIRMED_BYTES = 16 * 1_048_576;
/** NATS is asked to confirm (PING, PONG) when this much is unconfirmed, with one PING at a time. */
const CONFIRM_EVERY_BYTES = 1_048_576;

/**
 * Bounds the bytes that wait for NATS, because the client library writes to its socket without a bound. A PONG confirms
 * all bytes before its PING. With over 16 MiB unconfirmed, no more are accepted.
 */
export class PublishWindow {
  readonly #flush: () => Promise<void>;
  /** Unconfirmed batches. NATS may still report that nobody takes one; it does so before it confirms the batch. */
  readonly #batches = new Map<number, Uint8Array>();
  #batch = 0;
  #unconfirmed = 0;
  #asking = false;
  /** The number of the connection; a PONG of an earlier connection does not count. */
  #connection = 0;

  constructor(flush: () => Promise<void>) {
    this.#flush = flush;
  }

  get unconfirmedBytes(): number {
    return this.#unconfirmed;
  }

  /** Whether there is room for a MESSAGE of this many bytes. */
  hasRoom(bytes: number): boolean {
    return this.#unconfirmed + bytes <= MAX_UNCONFIRMED_BYTES;
  }

  /** Counts published bytes. */
  add(bytes: number): void {
    this.#unconfirmed += bytes;
    this.#ask();
  }

  /** Keeps a batch, whose bytes were added, until NATS has confirmed it. Returns its number. */
  keep(batch: Uint8Array): number {
    this.#batches.set(++this.#batch, batch);
    return this.#batch;
  }

  /** Returns a batch that nobody took, or `null` if it is unknown. */
  takeBack(number: number): Uint8Array | null {
    const batch = this.#batches.get(number) ?? null;
    this.#batches.delete(number);
    return batch;
  }

  /** The connection was lost. Returns how many bytes may be lost with it. */
  lost(): number {
    const bytes = this.#unconfirmed;
    this.#unconfirmed = 0;
    this.#batches.clear();
    this.#asking = false;
    this.#connection++;
    return bytes;
  }

  #ask(): void {
    if (this.#asking || this.#unconfirmed < CONFIRM_EVERY_BYTES) return;
    this.#asking = true;
    const asked = this.#unconfirmed;
    const lastBatch = this.#batch;
    const connection = this.#connection;
    this.#flush().then(
      () => {
        if (connection !== this.#connection) return;
        this.#asking = false;
        this.#unconfirmed -= asked;
        for (const [number] of this.#batches) {
          if (number > lastBatch) break;
          this.#batches.delete(number);
        }
        this.#ask();
      },
      () => {}, // rejected because the connection was lost; `lost` is called
    );
  }
}
