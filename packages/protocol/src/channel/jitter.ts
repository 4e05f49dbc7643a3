import type { RandomBytes } from '@sws/crypto';

/** A full-jitter delay between `min` and `max` (integer milliseconds). */
export function jitter(random: RandomBytes, min: number, max: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return Math.floor(min + ((max - min) * (((a << 24) | (b << 16) | (c << 8) | d) >>> 0)) / 2 ** 32);
}
