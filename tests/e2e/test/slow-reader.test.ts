import { runSlowReader } from '@sws/bench';
import { expect, test } from 'vitest';

/** What a process may grow by once the flow has settled: noise of the heap. Without backpressure it is some 8 MiB a second. */
const MAX_GROWTH_BYTES = 32 * 1_048_576;

// The long form, also with a sender that never waits, is `pnpm soak slow-reader`.
test('a reader at 1 MB/s slows the sender: memory stays bounded in all processes', {
  timeout: 120_000,
}, async (context) => {
  const { readBytes, misplaced, memory } = await runSlowReader({
    bytesPerSecond: 1_000_000,
    seconds: 10,
    messageBytes: 16_384,
    mindful: true,
    offeredBytes: 100_000_000,
  });
  expect(misplaced).toBe(0);
  expect(readBytes).toBeGreaterThan(2_000_000);
  if (memory === null) return context.skip('no /proc: memory is not measured');
  for (const { peakBytes, settledBytes } of Object.values(memory))
    expect(peakBytes - settledBytes).toBeLessThan(MAX_GROWTH_BYTES);
});
