import { complaints, type FaultScenario, runFaults } from '@sws/bench';
import { describe, expect, test } from 'vitest';

// Real processes, real sockets, a relay that is killed. The long form, with stalls of 15 s and ten crashes, is `pnpm soak faults`.
const base = { seed: Number(process.env.SWS_SEED ?? 1), stallMs: 3_000, timeoutMs: 180_000 };
const { seed } = base;
const scenarios: readonly FaultScenario[] = [
  {
    ...base,
    name: '300 small messages through a crash, a stall and a move',
    workload: { seed, messages: 300, minBytes: 8, maxBytes: 1_000 },
    faults: ['crash', 'stall-sender', 'move-receiver'],
    sender: { highWaterBytes: 10_000 },
  },
  {
    ...base,
    name: 'one message of 8 MB through a crash and a cut',
    workload: { seed, messages: 1, minBytes: 8_000_000, maxBytes: 8_000_000 },
    faults: ['crash', 'cut-receiver'],
    bytesPerSecond: 4_000_000,
  },
  {
    ...base,
    name: '50 MB through three crashes, a cut and a move',
    workload: { seed, messages: 1_000, minBytes: 20_000, maxBytes: 80_000 },
    faults: ['crash', 'crash', 'crash', 'cut-sender', 'move-sender'],
  },
];

describe('under faults nothing is lost, repeated or reordered, and both sides report the interruptions', () => {
  for (const scenario of scenarios) {
    test(scenario.name, { timeout: 400_000 }, async () => {
      const figures = await runFaults(scenario);
      expect(complaints(scenario, figures), `seed ${scenario.seed}`).toEqual([]);
      expect(figures.happened).toHaveLength(scenario.faults.length);
    });
  }
});
