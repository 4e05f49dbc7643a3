import { parseAddress } from './address.js';
import { concatBytes } from './bytes.js';
import { naclProvider } from './nacl.js';
import { labelBytes } from './signature.js';

const GROUPS = 8;

/**
 * Forty decimal digits, in groups of five, that two people can read to each other. They are the same at both ends, for
 * either order of the addresses. Finding another pair with the same digits takes some 2^132 tries.
 * @throws SwsError `invalid-address`, `low-order-key`
 */
export function fingerprint(a: string, b: string): string {
  const [first, second] = a < b ? [a, b] : [b, a];
  const hash = naclProvider.sha512(concatBytes(labelBytes('fingerprint'), parseAddress(first), parseAddress(second)));
  const groups: string[] = [];
  for (let i = 0; i < GROUPS; i++) {
    let value = 0n;
    for (const byte of hash.subarray(i * 8, i * 8 + 8)) value = (value << 8n) | BigInt(byte);
    groups.push((value % 100_000n).toString().padStart(5, '0'));
  }
  return groups.join(' ');
}
