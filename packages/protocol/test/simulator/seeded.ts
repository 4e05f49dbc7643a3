import type { RandomBytes } from '@sws/crypto';

/** Seeded choices: the same seed, the same run. */
export interface Seeded {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `below`. */
  below(below: number): number;
  chance(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  readonly bytes: RandomBytes;
}

/** mulberry32. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const next = (): number => word() / 2 ** 32;
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error('nothing to pick from');
      return list[below(list.length)] as T;
    },
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = word() >>> 24;
      return bytes;
    },
  };
}

/** The seeds of a run: `SWS_SEED` and `SWS_RUNS` (at most `most`), or `runs` of them from `from` on. A failure says how to replay it. */
export function forEachSeed(
  runs: number,
  run: (seed: number) => void,
  { most = Number.POSITIVE_INFINITY, from = 1 }: { readonly most?: number; readonly from?: number } = {},
): void {
  const first = Number(process.env.SWS_SEED ?? from);
  const count = Math.min(most, Number(process.env.SWS_RUNS ?? runs));
  for (let seed = first; seed < first + count; seed++) {
    try {
      run(seed);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed} failed (replay with SWS_SEED=${seed} SWS_RUNS=1): ${what}`, { cause });
    }
  }
}
