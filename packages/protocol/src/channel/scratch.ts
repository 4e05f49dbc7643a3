/**
 * The plaintext of the largest frame, with padding. The array for a longer frame, which a relay may send, is not kept.
 */
const ENOUGH_BYTES = 2 ** 16;

/**
 * A reused array for one plaintext during sealing or opening. Frames are sealed and opened one at a time, so each
 * direction needs one. An array per message would cost more in garbage collection than the sealing itself.
 */
export class Scratch {
  #bytes = new Uint8Array(0);

  /** A view of `length` bytes, whose contents are arbitrary and which the next call overwrites. */
  view(length: number): Uint8Array {
    if (length > ENOUGH_BYTES) return new Uint8Array(length);
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(ENOUGH_BYTES);
    return this.#bytes.subarray(0, length);
  }
}
