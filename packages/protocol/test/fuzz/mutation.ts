import type { Seeded } from '../simulator/seeded.js';

const NUMBERS = [
  0,
  1,
  2,
  3,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 48,
  2 ** 53 - 1,
  2 ** 53,
] as const;
const VALUES: readonly unknown[] = [
  ...NUMBERS,
  -1,
  0.5,
  1e308,
  null,
  true,
  '',
  'PING',
  '0'.repeat(64),
  'F'.repeat(64),
  `ed${'f'.repeat(61)}7f`,
  'ü'.repeat(200),
  '\ud800',
  'A'.repeat(5_000),
  [],
  [null],
  {},
  { toString: 1 },
];
const FIELDS = [
  'type',
  'to',
  'from',
  'content',
  'code',
  'reason',
  'id',
  'version',
  'nonce',
  'token',
  '__proto__',
  'constructor',
];

/** A changed copy of `bytes`, by what parsers trip over: single bits, lengths, numbers at their limits, parts of others. */
export function mutateBytes(random: Seeded, bytes: Uint8Array, other: Uint8Array = bytes): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(out.length + 1);
    switch (random.below(8)) {
      case 0:
        if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        if (at < out.length) out[at] = random.pick(NUMBERS) & 255;
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3:
        out = concat(out.subarray(0, at), random.bytes(random.below(40)), out.subarray(at));
        break;
      case 4:
        out = concat(out.subarray(0, at), other.subarray(random.below(other.length + 1)));
        break;
      case 5:
        if (at + 8 <= out.length) writeU64(out, at, random.pick(NUMBERS));
        break;
      case 6:
        if (at + 4 <= out.length) new DataView(out.buffer, out.byteOffset).setUint32(at, random.pick(NUMBERS));
        break;
      default:
        if (random.chance(0.2)) out = random.bytes(random.below(200));
    }
  }
  return out;
}

/** Changes `bytes` in place, keeping their number: a plaintext that is about to be sealed. */
export function spoil(random: Seeded, bytes: Uint8Array): void {
  for (let times = 1 + random.below(2); times > 0; times--) {
    // Heads are where meaning is: opcode and length, type, next, limit and id.
    const at = random.chance(0.7) ? random.pick([0, 1, 4, 9, 17]) : random.below(bytes.length);
    if (at >= bytes.length) continue;
    if (random.chance(0.3) && at + 8 <= bytes.length) writeU64(bytes, at, random.pick(NUMBERS) + random.below(3));
    else bytes[at] = random.chance(0.5) ? random.below(256) : ((bytes[at] ?? 0) + random.pick([1, 255])) & 255;
  }
}

/** A changed copy of a JSON text: a field of another value, missing, added, or characters that do not fit. */
export function mutateText(random: Seeded, text: string): string {
  if (random.chance(0.2)) {
    const at = random.below(text.length + 1);
    return (
      text.slice(0, at) +
      random.pick(['', '"', '}', '\\u0000', '[[[[', '9'.repeat(400), ',']) +
      text.slice(at + random.below(3))
    );
  }
  const fields: Record<string, unknown> = JSON.parse(text);
  for (let times = 1 + random.below(2); times > 0; times--) {
    const name = random.pick(random.chance(0.8) ? [...Object.keys(fields), 'type'] : FIELDS);
    const value = fields[name];
    if (random.chance(0.2)) delete fields[name];
    else if (random.chance(0.3) && typeof value === 'string' && value.length > 0) {
      const at = random.below(value.length);
      fields[name] =
        value.slice(0, at) +
        random.pick(['', '0', 'f', 'G', '=', '-', ' ', '\u0000']) +
        value.slice(at + random.below(2));
    } else fields[name] = random.pick(VALUES);
  }
  return JSON.stringify(fields);
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, BigInt(value));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
