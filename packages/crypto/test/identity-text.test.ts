import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHex, exportIdentity, Identity, importIdentity } from '../src/index.js';
import { bytes } from './numbers.js';

test('an exported identity imports again, whatever line breaks mail added', () => {
  fc.assert(
    fc.property(bytes(32), fc.nat({ max: 80 }), (seed, at) => {
      const text = exportIdentity(Identity.fromSeed(seed));
      expect(text).toMatch(/^sws-identity-1\.[0-9a-f]{64}\.[0-9a-f]{8}$/);
      const broken = ` ${text.slice(0, at)}\r\n  ${text.slice(at)}\t\n`;
      expect(importIdentity(broken).exportSeed()).toEqual(seed);
    }),
    { numRuns: 30 },
  );
});

test('the text has the documented format', () => {
  // printf 'sws/1 export\0' and 32 bytes of 07, through sha512sum.
  expect(exportIdentity(Identity.fromSeed(new Uint8Array(32).fill(7)))).toBe(
    `sws-identity-1.${'07'.repeat(32)}.a23caa8b`,
  );
});

test('one wrong letter is detected, and the error hides the secret', () => {
  const seed = new Uint8Array(32).fill(0xc4);
  const text = exportIdentity(Identity.fromSeed(seed));
  for (let at = 0; at < text.length; at++) {
    const wrong = text.slice(0, at) + (text[at] === '3' ? '8' : '3') + text.slice(at + 1);
    let error: unknown = null;
    try {
      importIdentity(wrong);
    } catch (caught) {
      error = caught;
    }
    expect(error, wrong).toMatchObject({ code: 'identity-text-malformed' });
    expect(inspect(error)).not.toContain(encodeHex(seed).slice(0, 16));
  }
});

test.each(['', 'sws-identity-1', `sws-identity-2.${'07'.repeat(32)}.00000000`, `sws-sealed-1.17.${'0'.repeat(32)}.00`])(
  'not an exported identity: "%s"',
  (text) => {
    expect(() => importIdentity(text)).toThrow(expect.objectContaining({ code: 'identity-text-malformed' }));
  },
);
