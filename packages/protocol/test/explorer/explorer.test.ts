import { describe, expect, test } from 'vitest';
import { type Exploration, explore } from './explore.js';
import { MUTANTS } from './mutants.js';
import { DEEP_SCENARIOS, SCENARIOS } from './scenarios.js';
import { loadSources } from './sources.js';

// `pnpm soak explorer` sets this: larger scenarios, until this many states of each, and a fair run from every tenth.
const deep = Number(process.env.SWS_EXPLORE_STATES ?? 0);

function report({ scenario, states, transitions, depth, complete, fairRuns }: Exploration): void {
  console.log(
    `${scenario}: ${states} states, ${transitions} transitions, depth ${depth}, ${fairRuns} fair runs, ` +
      (complete ? 'all there are' : 'then the count of states ended it'),
  );
}

describe('every state of the real machines within small bounds', () => {
  const bounds = deep > 0 ? { maxStates: deep, fairEvery: 10 } : { maxStates: 100_000, fairEvery: 20 };
  test.each(Object.values(deep > 0 ? DEEP_SCENARIOS : SCENARIOS))(
    '$name',
    { timeout: deep > 0 ? 7_200_000 : 300_000 },
    async (scenario) => {
      const result = explore(await loadSources(), scenario, bounds);
      report(result);
      expect(result.violation).toBeNull();
      if (deep === 0) expect(result.complete).toBe(true);
    },
  );
});

describe.skipIf(deep > 0)('a seeded defect is found', () => {
  test.each(MUTANTS)('$name', { timeout: 300_000 }, async (mutant) => {
    const sources = await loadSources(mutant);
    const { violation } = explore(sources, { ...SCENARIOS, ...DEEP_SCENARIOS }[mutant.scenario], {
      maxStates: 60_000,
      fairEvery: 1,
    });
    expect(violation?.message).toMatch(mutant.breaks);
  });
});
