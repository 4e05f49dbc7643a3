import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { HostileRun } from './hostile-run.js';
import { HOSTILITIES } from './hostilities.js';
import { forEachSeed } from './seeded.js';

const RUNS = 2_000;
/** Processor time, some times what the longest step takes: a stall of the event loop shows all the same. */
const MAX_STEP_MS = 300;

test('hostile peers with keys exceed no bound of memory or work, and honest peers are served', {
  timeout: 900_000,
}, () => {
  const done = new Map<string, number>();
  const sum = { runs: 0, frames: 0, mostMemoryBytes: 0, longestStepMs: 0, widestWindow: 0 };
  forEachSeed(RUNS, (seed) => {
    const { done: did, frames, mostMemoryBytes, longestStepMs, widestWindow } = new HostileRun(seed).run();
    for (const [hostility, times] of did) done.set(hostility, (done.get(hostility) ?? 0) + times);
    sum.runs++;
    sum.frames += frames;
    sum.mostMemoryBytes = Math.max(sum.mostMemoryBytes, mostMemoryBytes);
    sum.longestStepMs = Math.max(sum.longestStepMs, longestStepMs);
    sum.widestWindow = Math.max(sum.widestWindow, widestWindow);
  });
  if (process.env.SWS_RUNS !== undefined) console.log(JSON.stringify({ ...sum, done: Object.fromEntries(done) }));
  // What is never done proves nothing.
  if (sum.runs >= RUNS) {
    expect(HOSTILITIES.filter((hostility) => !done.has(hostility))).toEqual([]);
    // Windows for far links were tried too.
    expect(sum.widestWindow).toBeGreaterThan(2);
  }
  expect(sum.longestStepMs).toBeLessThan(MAX_STEP_MS);
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
