/** A set of fingerprints: eight bytes each, where a `Set` takes five times that and ends at 2^24. */
export class Visited {
  #slots = new Float64Array(2 ** 16);
  /** How many there are. */
  size = 0;

  /** Whether `fingerprint` (not 0) is new here. */
  add(fingerprint: number): boolean {
    if (this.size * 2 > this.#slots.length) this.#grow();
    if (!insert(this.#slots, fingerprint)) return false;
    this.size++;
    return true;
  }

  #grow(): void {
    const slots = new Float64Array(this.#slots.length * 2);
    for (const fingerprint of this.#slots) if (fingerprint !== 0) insert(slots, fingerprint);
    this.#slots = slots;
  }
}

function insert(slots: Float64Array, fingerprint: number): boolean {
  let at = fingerprint % slots.length;
  for (let found = slots[at]; found !== 0; found = slots[at]) {
    if (found === fingerprint) return false;
    at = at + 1 === slots.length ? 0 : at + 1;
  }
  slots[at] = fingerprint;
  return true;
}
