import { expect, test } from 'vitest';
import { BINARY, frameBytes, headBytes, writeFrame, writeHead } from '../src/adapters/server-frame.js';

test('server frames are written back to back, with RFC 6455’s three headers', () => {
  const all = [
    'é',
    new Uint8Array(125).fill(1),
    new Uint8Array(126).fill(2),
    'x'.repeat(65_535),
    new Uint8Array(65_536),
  ];
  const bytes = Buffer.alloc(all.reduce((sum, data) => sum + frameBytes(data), 0));
  let at = 0;
  for (const data of all) at = writeFrame(bytes, at, data);
  expect(at).toBe(bytes.length);
  const heads = ['8102', '827d', '827e007e', '817effff', '827f0000000000010000'].map((hex) => Buffer.from(hex, 'hex'));
  const expected = all.flatMap((data, i) => [heads[i] ?? Buffer.alloc(0), Buffer.from(data as string)]);
  expect(Buffer.compare(bytes, Buffer.concat(expected))).toBe(0);
});

test('a header alone gives the payload’s position', () => {
  for (const [length, head] of [
    [125, '827d'],
    [126, '827e007e'],
    [65_536, '827f0000000000010000'],
  ] as const) {
    const bytes = Buffer.alloc(3 + headBytes(length));
    expect(writeHead(bytes, 3, BINARY, length)).toBe(bytes.length);
    expect(bytes.toString('hex')).toBe(`000000${head}`);
  }
});
