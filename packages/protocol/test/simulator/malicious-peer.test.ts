// The quick part of `malicious-peer.deep.test.ts`, which takes more seeds and counts what was done.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { HostileRun } from './hostile-run.js';
import { forEachSeed } from './seeded.js';

const RUNS = 100;
/** Processor time, some times what the longest step takes: a stall of the event loop shows all the same. */
const MAX_STEP_MS = 300;

test(`hostile peers with keys exceed no bound, and honest peers are served: ${RUNS} seeds`, {
  timeout: 120_000,
}, () => {
  const stalls = new Map<number, number>();
  forEachSeed(RUNS, (seed) => {
    const { longestStepMs } = new HostileRun(seed).run();
    if (longestStepMs >= MAX_STEP_MS) stalls.set(seed, longestStepMs);
  });
  expect(stalls).toEqual(new Map());
});

test('the charge equals what the process holds', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const runs: HostileRun[] = [];
  const heldBytes = (): number => {
    collect();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };
  // Tables, sets and code are made once.
  for (let seed = 1; seed <= 5; seed++) new HostileRun(seed).run();
  const before = heldBytes();
  let charged = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const run = new HostileRun(seed);
    run.run();
    runs.push(run);
    charged += run.memoryBytes;
  }
  const held = heldBytes() - before;
  expect(charged).toBeGreaterThan(20 * 1_048_576);
  expect(held).toBeLessThan(charged);
});
