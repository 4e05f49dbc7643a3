// Worlds are copied and told apart field by field: the sources are loaded with their private fields made visible
// (sources.ts), so that nothing that a machine remembers is left out.

type Fields = Record<string, unknown>;

/** A deep copy. `shared` holds what stands for itself; `adopt` begins the copy of an object
 * whose closures must be made anew, and notes in `seen` what they replace. */
export function copy<T>(
  value: T,
  shared: ReadonlySet<unknown>,
  adopt: (from: object, seen: Map<unknown, unknown>) => object | null,
): T {
  const seen = new Map<unknown, unknown>();
  const go = (one: unknown): unknown => {
    // Nobody changes bytes that a machine has kept: erasing them is nothing here (`Bytes`).
    if (typeof one !== 'object' || one === null || one instanceof Uint8Array || shared.has(one)) return one;
    const known = seen.get(one);
    if (known !== undefined) return known;
    // A cache of what never changes.
    if (one.constructor.name === 'Lru') return one;
    if (Array.isArray(one)) {
      const items: unknown[] = [];
      seen.set(one, items);
      for (const item of one) items.push(go(item));
      return items;
    }
    if (one instanceof Map) {
      const map = new Map();
      seen.set(one, map);
      for (const [key, item] of one) map.set(go(key), go(item));
      return map;
    }
    if (one instanceof Set) {
      const set = new Set();
      seen.set(one, set);
      for (const item of one) set.add(go(item));
      return set;
    }
    const target = (adopt(one, seen) ?? Object.create(Object.getPrototypeOf(one))) as Fields;
    seen.set(one, target);
    for (const name of Object.keys(one)) target[name] = go((one as Fields)[name]);
    return target;
  };
  return go(value) as T;
}

/** From here up a number is a time, of which only whether it has come counts. */
const TIMES_FROM = 500_000;
const digests = new WeakMap<Uint8Array, string>();
const contents = new Map<string, string>();

/** A short name for bytes, the same for the same content. */
function digestOf(bytes: Uint8Array): string {
  const known = digests.get(bytes);
  if (known !== undefined) return known;
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const digest = contents.get(content) ?? `b${contents.size}`;
  contents.set(content, digest);
  digests.set(bytes, digest);
  return digest;
}

/** Text that is the same for two values that differ in nothing but clock readings and what `left out` names. */
export function describe(
  value: unknown,
  nowMs: number,
  shared: ReadonlySet<unknown>,
  leftOut: ReadonlySet<string>,
): string {
  const parts: string[] = [];
  const seen = new Map<unknown, number>();
  const go = (one: unknown): void => {
    if (typeof one === 'number') {
      if (one < TIMES_FROM || one > 2 ** 50) parts.push(String(one));
      else parts.push(one <= nowMs ? 'past' : 'future');
    } else if (typeof one !== 'object' || one === null) parts.push(String(one));
    else if (one instanceof Uint8Array) parts.push(digestOf(one));
    else if (!shared.has(one)) {
      const index = seen.get(one);
      if (index !== undefined) {
        parts.push(`#${index}`);
        return;
      }
      seen.set(one, seen.size);
      parts.push('(');
      if (one instanceof Map)
        for (const [key, item] of one) {
          go(key);
          go(item);
        }
      else if (Array.isArray(one) || one instanceof Set) for (const item of one) go(item);
      // A Deque is what is in it, not where it begins.
      else if (isDeque(one)) for (const item of one._items.slice(one._head)) go(item);
      else
        for (const name of Object.keys(one)) {
          if (leftOut.has(name) || typeof (one as Fields)[name] === 'function') continue;
          parts.push(name, ':');
          go((one as Fields)[name]);
        }
      parts.push(')');
    }
    parts.push(' ');
  };
  go(value);
  return parts.join('');
}

function isDeque(value: object): value is { readonly _items: unknown[]; readonly _head: number } {
  return '_items' in value && '_head' in value;
}

/** A 53-bit hash of a text (cyrb53). */
export function hashOf(text: string): number {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
