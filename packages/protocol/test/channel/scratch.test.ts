import { expect, test } from 'vitest';
import { Scratch } from '../../src/channel/scratch.js';

test('a frame’s buffer is reused; one for an oversized frame is not kept', () => {
  const scratch = new Scratch();
  const { buffer } = scratch.view(1_000);
  expect(scratch.view(10).buffer).toBe(buffer);
  expect(scratch.view(10_000_000)).toHaveLength(10_000_000);
  expect(scratch.view(65_536).buffer).toBe(buffer);
  expect(buffer.byteLength).toBe(65_536);
});
