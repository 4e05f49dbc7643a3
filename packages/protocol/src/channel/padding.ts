/** The smallest padded DATA plaintext in bytes (PROTOCOL §4, DATA). */
export const MIN_PADDED_BYTES = 32;

function floorLog2(number: number): number {
  return 31 - Math.clz32(number);
}

/**
 * Padmé (Nikitin et al., PURBs, PoPETs 2019): rounds a length up so that at most O(log log n) bits of it show.
 * The overhead is at most 12 %. `length` is a positive number of bytes below 2^32.
 */
export function padme(length: number): number {
  if (length < 2) return length;
  const exponent = floorLog2(length);
  const significant = floorLog2(exponent) + 1;
  const step = 1 << Math.max(0, exponent - significant);
  return Math.ceil(length / step) * step;
}

/** Whether lengths are hidden: `padme` (default), or `none`, which shows the relay every message's exact length. */
export type Padding = 'padme' | 'none';

/** The padded length of a DATA plaintext that needs `length` bytes. */
export function paddedLength(length: number, padding: Padding): number {
  return padding === 'none' ? length : Math.max(MIN_PADDED_BYTES, padme(length));
}
