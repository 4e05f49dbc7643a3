import { createHash, type Hash } from 'node:crypto';
import { seeded } from './seeded.js';

/** A series of binary messages, which is the same for the same numbers. */
export interface Workload {
  readonly seed: number;
  readonly messages: number;
  /** Sizes are spread evenly from here … */
  readonly minBytes: number;
  /** … to here. At least 8: each message starts with its index. */
  readonly maxBytes: number;
}

/** The messages of a workload, one after another. The caller owns each array. */
export function* messagesOf({ seed, messages, minBytes, maxBytes }: Workload): Generator<Uint8Array<ArrayBuffer>> {
  const random = seeded(seed);
  for (let index = 0; index < messages; index++) {
    const length = Math.max(8, minBytes + Math.floor(random() * (maxBytes - minBytes + 1)));
    const words = new Uint32Array(Math.ceil(length / 4));
    // xorshift32: fast enough that making the data costs less than sealing it.
    let x = Math.floor(random() * 2 ** 32) | 1;
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x;
    }
    words[0] = index;
    words[1] = length;
    yield new Uint8Array(words.buffer, 0, length);
  }
}

/** The tally of a series of messages. Equal tallies mean the same messages, each once, in the same order. */
export class Tally {
  count = 0;
  bytes = 0;
  /** Messages without the expected index: repeated, out of order, or after a lost one. */
  misplaced = 0;
  readonly #hash: Hash = createHash('sha256');

  add(message: Uint8Array): void {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    if (view.getUint32(0, true) !== this.count || view.getUint32(4, true) !== message.length) this.misplaced++;
    this.count++;
    this.bytes += message.length;
    this.#hash.update(message);
  }

  /** SHA-256 over all messages (each holds its index and length). */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
