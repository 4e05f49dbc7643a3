import { equalBytes } from '../bytes.js';

/**
 * Returns what `make` makes of a seed, and keeps it as long as the seed's array. A key takes as long to make as a
 * signature, and a relay's seed signs again and again.
 */
export function bySeed<T>(make: (seed: Uint8Array) => T): (seed: Uint8Array) => T {
  const made = new WeakMap<Uint8Array, { readonly seed: Uint8Array; readonly value: T }>();
  return (seed) => {
    const known = made.get(seed);
    // The caller owns the array, and may have put another seed into it.
    if (known !== undefined && equalBytes(known.seed, seed)) return known.value;
    const value = make(seed);
    made.set(seed, { seed: seed.slice(), value });
    return value;
  };
}
