import { MAX_FRAGMENT_BYTES } from './data.js';

const FIRST_BLOCK_BYTES = 512;

/**
 * Joins the fragments of a message as they arrive, in blocks of the size of the largest fragment. For any number of
 * fragments there is one block per 61,440 bytes, and less than one block is unused. A block starts small and doubles,
 * so that two tiny fragments do not cost a whole block.
 */
export class PartialMessage {
  #blocks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const at = this.#length % MAX_FRAGMENT_BYTES;
      const part = rest.subarray(0, MAX_FRAGMENT_BYTES - at);
      this.#block(at, part.length).set(part, at);
      this.#length += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** The last block, with room for `bytes` at `at`; a new block if `at` is 0. */
  #block(at: number, bytes: number): Uint8Array {
    const last = at === 0 ? undefined : this.#blocks.pop();
    const needed = at + bytes;
    let block = last;
    if (block === undefined || block.length < needed) {
      const length = Math.max(needed, 2 * at, FIRST_BLOCK_BYTES);
      block = new Uint8Array(Math.min(MAX_FRAGMENT_BYTES, length));
      if (last !== undefined) block.set(last.subarray(0, at));
    }
    this.#blocks.push(block);
    return block;
  }

  /** Returns the whole message in a new array, with `last` at its end. Keeps nothing. */
  finish(last: Uint8Array): Uint8Array {
    const before = this.#length;
    const whole = new Uint8Array(before + last.length);
    for (const [index, block] of this.#blocks.entries()) {
      const at = index * MAX_FRAGMENT_BYTES;
      whole.set(block.subarray(0, Math.min(MAX_FRAGMENT_BYTES, before - at)), at);
    }
    whole.set(last, before);
    this.clear();
    return whole;
  }

  clear(): void {
    this.#blocks = [];
    this.#length = 0;
  }
}
