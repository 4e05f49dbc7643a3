import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64url, encodeBase64url } from '../../src/frames/base64url.js';

test('bytes round-trip, in the spelling of other implementations', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = encodeBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(decodeBase64url(text)).toEqual(bytes);
    }),
  );
});

test('each value has one spelling: text that decodes is what its bytes encode to', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ABCDwxyz0189-_+/= é'), maxLength: 12 }), (text) => {
      const bytes = decodeBase64url(text);
      if (bytes !== null) expect(encodeBase64url(bytes)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
  for (const text of ['A', 'AB', 'AAB', 'AA==', 'AA=', '+A', '/w', 'A A', 'AA\n', 'é', '😀'])
    expect(decodeBase64url(text)).toBeNull();
  expect(decodeBase64url('AA')).toEqual(Uint8Array.of(0));
  expect(decodeBase64url('')).toEqual(new Uint8Array(0));
});
