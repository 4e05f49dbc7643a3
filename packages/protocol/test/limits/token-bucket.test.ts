import { expect, test } from 'vitest';
import { TokenBucket } from '../../src/channel/token-bucket.js';

/** How many tokens it gives at this time. */
function drain(bucket: TokenBucket, nowMs: number): number {
  for (let taken = 0; ; taken++) if (!bucket.tryConsume(nowMs) || taken > 1_000) return taken;
}

test('allows the burst at once and the rate after it', () => {
  const bucket = new TokenBucket(4, 8);
  expect([drain(bucket, 1_000), drain(bucket, 1_500), drain(bucket, 100_000)]).toEqual([8, 2, 8]);
});

test('a clock that steps back neither fills nor empties it', () => {
  const bucket = new TokenBucket(4, 8);
  expect(drain(bucket, 3_600_000)).toBe(8);
  expect(drain(bucket, 0)).toBe(0);
  // Within a second of the new time it gives what a second is worth.
  expect(drain(bucket, 1_000)).toBe(4);
});

test('a clock that jumps ahead fills it at most to the burst', () => {
  const bucket = new TokenBucket(4, 8);
  drain(bucket, 0);
  expect(drain(bucket, Number.MAX_SAFE_INTEGER)).toBe(8);
});

test('returned tokens do not exceed the burst', () => {
  const bucket = new TokenBucket(4, 8);
  for (let i = 0; i < 100; i++) bucket.refund();
  expect(drain(bucket, 0)).toBe(8);
});
