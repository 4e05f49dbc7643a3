import { type FileScenario, fileComplaints, runFile } from '@sws/bench';
import { expect, test } from 'vitest';

/** What a process may have resident; the file is 50 MB, and windows and queues are a few MiB. */
const MAX_RSS_BYTES = 200 * 1_048_576;
const BASE = { bytes: 50_000_000, relayDownMs: 200, bytesPerSecond: 64 * 1_048_576, timeoutMs: 150_000 } as const;

// The long form, 1 GB, is `pnpm soak files`.
test.each<[string, FileScenario]>([
  ['a relay that is killed twice', { ...BASE, kills: ['relay', 'relay'] }],
  [
    'a sender, a receiver and a relay that are killed: nobody begins anew',
    { ...BASE, kills: ['sender', 'receiver', 'relay'] },
  ],
])('sws send transfers 50 MB to sws recv through %s', { timeout: 200_000 }, async (_what, scenario) => {
  const figures = await runFile(scenario);
  expect(fileComplaints(scenario, figures)).toEqual([]);
  for (const bytes of Object.values(figures.peakRssBytes ?? {})) expect(bytes).toBeLessThan(MAX_RSS_BYTES);
});
