import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openPiece, PIECE_BYTES, plainBytes, sealedSource, sealPiece, streamOf } from '../src/sealed.js';

const KEY = new Uint8Array(32).fill(7);

function sealed(plaintext: Uint8Array): Blob {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < plaintext.length; at += PIECE_BYTES)
    pieces.push(sealPiece(KEY, at / PIECE_BYTES, plaintext.subarray(at, at + PIECE_BYTES)));
  return new Blob(pieces);
}

test('any range of a sealed file can be read, and its size is known from the sealed size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5),
      fc.nat(4 * PIECE_BYTES),
      fc.nat(4 * PIECE_BYTES),
      async (size, a, b) => {
        const plaintext = new Uint8Array(randomBytes(size));
        const file = sealed(plaintext);
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        expect(plainBytes(file.size)).toBe(size);
        const source = sealedSource(file, KEY);
        expect(source.size).toBe(size);
        expect(Buffer.compare(await source.read(from, to), plaintext.subarray(from, to))).toBe(0);
        expect(Buffer.from(await new Response(streamOf(source)).arrayBuffer()).equals(plaintext)).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

test('a piece that was altered, truncated, moved or sealed under another key does not open', () => {
  const piece = sealPiece(KEY, 3, new Uint8Array([1, 2, 3]));
  expect(openPiece(KEY, 3, piece)).toEqual(new Uint8Array([1, 2, 3]));
  expect(openPiece(KEY, 2, piece)).toBeNull();
  expect(openPiece(new Uint8Array(32), 3, piece)).toBeNull();
  expect(openPiece(KEY, 3, piece.subarray(0, -1))).toBeNull();
  expect(openPiece(KEY, 3, new Uint8Array())).toBeNull();
  for (let at = 0; at < piece.length; at++) {
    const altered = piece.slice();
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(openPiece(KEY, 3, altered)).toBeNull();
  }
});
