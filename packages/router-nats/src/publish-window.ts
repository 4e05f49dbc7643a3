/** What may be on its way to NATS without NATS having confirmed it, in bytes. */
export const MAX_UNCONFIRMED_BYTES = 16 * 1_048_576;
/** NATS is asked to confirm (PING, PONG) when this much is unconfirmed: never more than one question at a time. */
const CONFIRM_EVERY_BYTES = 262_144;

/**
 * Bounds what waits for NATS. The client library writes to its socket without a bound; a PONG confirms all that went
 * before its PING, so bytes that no PONG has confirmed are counted, and over 16 MiB no more are taken.
 */
export class PublishWindow {
  readonly #flush: () => Promise<void>;
  /** Batches that NATS may yet say nobody takes: it does before it confirms them. */
  readonly #batches = new Map<number, Uint8Array>();
  #batch = 0;
  #unconfirmed = 0;
  #asking = false;
  /** A lost connection ends what belonged to it. */
  #connection = 0;

  constructor(flush: () => Promise<void>) {
    this.#flush = flush;
  }

  get unconfirmedBytes(): number {
    return this.#unconfirmed;
  }

  /** Whether a MESSAGE of this many bytes has room. */
  hasRoom(bytes: number): boolean {
    return this.#unconfirmed + bytes <= MAX_UNCONFIRMED_BYTES;
  }

  /** These bytes were published. */
  add(bytes: number): void {
    this.#unconfirmed += bytes;
    this.#ask();
  }

  /** A batch of bytes that were added goes out: keeps it until NATS has confirmed it, and gives its number. */
  keep(batch: Uint8Array): number {
    this.#batches.set(++this.#batch, batch);
    return this.#batch;
  }

  /** Nobody took this batch: gives it back, unless it is not known. */
  takeBack(number: number): Uint8Array | null {
    const batch = this.#batches.get(number) ?? null;
    this.#batches.delete(number);
    return batch;
  }

  /** The connection was lost: gives the bytes that may be lost with it. */
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
      () => {}, // rejected with the connection: `lost` is told
    );
  }
}
