// Worlds are copied and told apart field by field: the sources are loaded with their private fields made visible
// (sources.ts), so that nothing that a machine remembers is left out.

type Fields = Record<string, unknown>;

/** A deep copy; `shared` holds what stands for itself. No machine keeps a closure over another. */
export function copy<T>(value: T, shared: ReadonlySet<unknown>): T {
  const seen = new Map<unknown, unknown>();
  const go = (one: unknown): unknown => {
    // Nobody changes bytes that a machine has kept: erasing them is nothing here (`Bytes`).
    if (typeof one !== 'object' || one === null || one instanceof Uint8Array || shared.has(one)) return one;
    const known = seen.get(one);
    if (known !== undefined) return known;
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
    const target = Object.create(Object.getPrototypeOf(one)) as Fields;
    seen.set(one, target);
    for (const name of Object.keys(one)) target[name] = go((one as Fields)[name]);
    return target;
  };
  return go(value) as T;
}
