/** Rows in one chunk of memory: no array has to be copied as more come. */
const CHUNK = 2 ** 18;

/** Rows of whole numbers, each kept once, in the order in which they came: 4 bytes a number, and 12 to 20 more a row. */
export class Rows {
  readonly #width: number;
  readonly #chunks: Int32Array[] = [];
  readonly #parents: Int32Array[] = [];
  /** Open addressing: a row's index plus one, or 0. */
  #slots = new Int32Array(2 ** 16);
  /** How many there are. */
  size = 0;

  /** `width`: numbers in a row. */
  constructor(width: number) {
    this.#width = width;
  }

  /** Keeps `row` if it is new; `parent` is the index of the row that it comes from. Whether it is. */
  add(row: Int32Array, parent: number): boolean {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#find(row, 0);
    if (this.#slots[slot] !== 0) return false;
    const within = this.size % CHUNK;
    if (within === 0) {
      this.#chunks.push(new Int32Array(CHUNK * this.#width));
      this.#parents.push(new Int32Array(CHUNK));
    }
    this.#chunks.at(-1)?.set(row, within * this.#width);
    this.#parents.at(-1)?.fill(parent, within, within + 1);
    this.size++;
    this.#slots[slot] = this.size;
    return true;
  }

  /** A view of the row at `index`. */
  at(index: number): Int32Array {
    const chunk = this.#chunks[Math.floor(index / CHUNK)];
    if (chunk === undefined) throw new RangeError('no such row');
    const from = (index % CHUNK) * this.#width;
    return chunk.subarray(from, from + this.#width);
  }

  parentOf(index: number): number {
    return this.#parents[Math.floor(index / CHUNK)]?.[index % CHUNK] ?? -1;
  }

  /** Where the row is that stands at `offset` of `numbers`, or where it belongs. */
  #find(numbers: Int32Array, offset: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(numbers, offset, this.#width) & mask;
    for (let found = this.#slots[slot] ?? 0; found !== 0; found = this.#slots[slot] ?? 0) {
      const index = found - 1;
      if (same(this.#chunks[Math.floor(index / CHUNK)], (index % CHUNK) * this.#width, numbers, offset, this.#width))
        break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let index = 0; index < this.size; index++) {
      const chunk = this.#chunks[Math.floor(index / CHUNK)];
      if (chunk === undefined) return;
      let slot = hash(chunk, (index % CHUNK) * this.#width, this.#width) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = index + 1;
    }
  }
}

function same(a: Int32Array | undefined, from: number, b: Int32Array, offset: number, width: number): boolean {
  if (a === undefined) return false;
  for (let i = 0; i < width; i++) if (a[from + i] !== b[offset + i]) return false;
  return true;
}

/** MurmurHash3's mixing (32 bits). */
function hash(numbers: Int32Array, offset: number, width: number): number {
  let h = 0x9747b28c;
  for (let i = 0; i < width; i++) {
    let k = Math.imul(numbers[offset + i] ?? 0, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h ^= k;
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
