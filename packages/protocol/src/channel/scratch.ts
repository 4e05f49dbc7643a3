/** As much as the plaintext of the largest frame takes, padding included. A relay may send longer ones; their room is not kept. */
const ENOUGH_BYTES = 2 ** 16;

/**
 * Room for one plaintext on its way through the cipher. Frames are sealed and opened one at a time, so each direction
 * needs one: an array per message would cost more in garbage collection than the sealing itself.
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
