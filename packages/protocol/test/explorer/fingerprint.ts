// A state's fingerprint: 53 bits that are the same for two states that differ in nothing that matters.

type Fields = Record<string, unknown>;

/** From here up a number is a time, of which only whether it has come counts. */
const TIMES_FROM = 500_000;
const TIMES_TO = 2 ** 50;
const PAST = -7_919;
const FUTURE = -7_927;
const OPEN = -104_729;
const CLOSE = -104_743;

const texts = new Map<string, number>();
const digests = new WeakMap<Uint8Array, number>();
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** A number for a text, the same for the same text. */
function numberOf(text: string): number {
  const known = texts.get(text) ?? texts.size + 1;
  texts.set(text, known);
  return known;
}

/** Takes one part after another (cyrb53's mixing). */
export class Fingerprint {
  #a = 0xdeadbeef;
  #b = 0x41c6ce57;

  add(part: number): this {
    if (part === (part | 0)) this.#mix(part);
    else {
      double[0] = part;
      this.#mix(halves[0] ?? 0);
      this.#mix(halves[1] ?? 0);
    }
    return this;
  }

  addText(text: string): this {
    return this.add(numberOf(text));
  }

  /** By content: messages of the same bytes are the same. */
  addBytes(bytes: Uint8Array): this {
    let digest = digests.get(bytes);
    if (digest === undefined) {
      digest = numberOf(`b${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')}`);
      digests.set(bytes, digest);
    }
    return this.add(digest);
  }

  get value(): number {
    let [a, b] = [this.#a, this.#b];
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return 4294967296 * (2097151 & b) + (a >>> 0);
  }

  #mix(part: number): void {
    this.#a = Math.imul(this.#a ^ part, 2654435761);
    this.#b = Math.imul(this.#b ^ part, 1597334677);
    this.#a ^= this.#a >>> 15;
    this.#b ^= this.#b >>> 13;
  }
}

/** Tells objects apart field by field, whatever the fields are: nothing that a machine remembers is left out unless named. */
export class Fingerprints {
  readonly #shared: ReadonlySet<unknown>;
  readonly #leftOut: ReadonlySet<string>;
  /** The fields that count, per class and shape. */
  readonly #fields = new Map<string, readonly (readonly [string, number])[]>();

  constructor(shared: ReadonlySet<unknown>, leftOut: ReadonlySet<string>) {
    this.#shared = shared;
    this.#leftOut = leftOut;
  }

  /** Of anything at the time `nowMs`: clock readings count only as past or future. */
  of(value: unknown, nowMs: number): number {
    const print = new Fingerprint();
    const future: number[] = [];
    const seen = new Map<unknown, number>();
    const go = (one: unknown): void => {
      if (typeof one === 'number') {
        if (one < TIMES_FROM || one > TIMES_TO) print.add(one);
        else if (one <= nowMs) print.add(PAST);
        else {
          print.add(FUTURE);
          future.push(one);
        }
      } else if (typeof one === 'function') return;
      else if (typeof one !== 'object' || one === null) print.addText(String(one));
      else if (one instanceof Uint8Array) print.addBytes(one);
      else if (!this.#shared.has(one)) {
        const index = seen.get(one);
        if (index !== undefined) {
          print.add(OPEN).add(index);
          return;
        }
        seen.set(one, seen.size);
        print.add(OPEN);
        if (one instanceof Map)
          for (const [key, item] of one) {
            go(key);
            go(item);
          }
        else if (Array.isArray(one) || one instanceof Set) for (const item of one) go(item);
        // A Deque is what is in it, not where it begins.
        else if (isDeque(one)) for (let i = one._head; i < one._items.length; i++) go(one._items[i]);
        else
          for (const [name, number] of this.#fieldsOf(one)) {
            print.add(number);
            go((one as Fields)[name]);
          }
        print.add(CLOSE);
      }
    };
    go(value);
    const order = [...new Set(future)].sort((a, b) => a - b);
    for (const time of future) print.add(order.indexOf(time));
    return print.value;
  }

  #fieldsOf(one: object): readonly (readonly [string, number])[] {
    const names = Object.keys(one);
    const shape = names.join();
    let fields = this.#fields.get(shape);
    if (fields === undefined) {
      fields = names.filter((name) => !this.#leftOut.has(name)).map((name) => [name, numberOf(`.${name}`)] as const);
      this.#fields.set(shape, fields);
    }
    return fields;
  }
}

function isDeque(value: object): value is { readonly _items: unknown[]; readonly _head: number } {
  return '_items' in value && '_head' in value;
}
