import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileResource, readFileResource, readStored } from '../src/file-protocol.js';

test('a sender reads the offset that a receiver asks for', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (from) => {
      expect(readFileResource(fileResource('ab'.repeat(16), from))).toEqual({ id: 'ab'.repeat(16), from });
      expect(readStored(String(from))).toBe(from);
    }),
  );
});

test.each([
  '',
  '/',
  '/chat',
  `/${'ab'.repeat(16)}`,
  `/${'ab'.repeat(16)}?from=-1`,
  `/${'AB'.repeat(16)}?from=0`,
  `/${'ab'.repeat(16)}?from=9999999999999999`,
])('not a file resource: %j', (resource) => {
  expect(readFileResource(resource)).toBeNull();
});

test.each(['', '-1', '1.5', '1e3', 'NaN', '9999999999999999', null, new ArrayBuffer(1)])(
  'not a count of stored bytes: %j',
  (data) => {
    expect(readStored(data)).toBeNull();
  },
);
