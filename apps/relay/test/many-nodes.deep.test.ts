import { hasNatsServer } from '@sws/testing/nats-server';
import { runNodes } from '@sws/testing/nodes-run';
import { temporaryFolder } from '@sws/testing/relay-process';
import { histogram, runUpgrade } from '@sws/testing/upgrade-run';
import { afterAll, expect, test } from 'vitest';

const folder = temporaryFolder();
afterAll(folder.remove);
const workload = { channels: 10, paceMs: 50, messageBytes: 1_000, identityFile: folder.path('identity') };

test.skipIf(!hasNatsServer)(
  'three nodes on NATS lose and reorder no message while one is killed, NATS restarts and one drains (skipped where nats-server is not installed)',
  { timeout: 120_000 },
  async () => {
    const { complaints, recoveries, messages } = await runNodes({ ...workload, standstill: false });
    expect(complaints).toEqual([]);
    expect(messages).toBeGreaterThan(100);
    for (const { fault, medianMs, slowestMs } of recoveries)
      console.log(`${fault}: half of the channels after ${medianMs} ms, all after ${slowestMs} ms`);
  },
);

test('a relay replaced on the same port loses nothing, and clients reconnect spread over time', {
  timeout: 120_000,
}, async () => {
  const spreadSeconds = 2;
  const { complaints, returns, causes, exitCode, gapMs } = await runUpgrade({ ...workload, spreadSeconds });
  expect(complaints).toEqual([]);
  expect(exitCode).toBe(0);
  expect(returns).toHaveLength(20);
  expect(Object.keys(causes)).toEqual(['restarting']); // told, not cut: nobody had to find out by a timeout
  const quarters = histogram(returns, (spreadSeconds * 1_000) / 4);
  // Uniform over four quarters: that one has 15 of 20 or more is a chance below 1 in 10,000.
  expect(Math.max(...quarters)).toBeLessThan(15);
  console.log(`returns by half seconds: ${quarters.join(' ')}; the port was nobody's for ${gapMs} ms`);
});
