import { describe, expect, test } from 'vitest';
import { type Exploration, explore } from './explore.js';
import { MUTANTS } from './mutants.js';
import { SCENARIOS } from './scenarios.js';
import { loadSources } from './sources.js';

// `pnpm soak explorer` sets this: two CONTROLs more per end, a relay that holds three frames, a fair run from every state.
const deep = Number(process.env.SWS_EXPLORE_STATES ?? 0);

function report({ scenario, states, transitions, depth, complete, fairRuns }: Exploration): void {
  console.log(
    `${scenario}: ${states} states, ${transitions} transitions, depth ${depth}, ${fairRuns} fair runs, ` +
      (complete ? 'all there are within the bounds' : 'then the count of states ended it'),
  );
}

describe('every state of the real machines within small bounds', () => {
  test.each(Object.values(SCENARIOS))('$name', { timeout: deep > 0 ? 7_200_000 : 300_000 }, async (scenario) => {
    const sources = await loadSources();
    const result =
      deep > 0
        ? explore(
            sources,
            { ...scenario, controls: scenario.controls + 2, relayQueue: 3 },
            { maxStates: deep, fairEvery: 1 },
          )
        : explore(sources, scenario, { maxStates: 60_000, fairEvery: 20 });
    report(result);
    expect(result.violation).toBeNull();
    if (deep === 0) expect(result.complete).toBe(true);
  });
});

describe.skipIf(deep > 0)('a seeded defect is found', () => {
  test.each(MUTANTS)('$name', { timeout: 300_000 }, async (mutant) => {
    const sources = await loadSources(mutant);
    const { violation } = explore(sources, SCENARIOS[mutant.scenario], { maxStates: 60_000, fairEvery: 1 });
    expect(violation?.message).toMatch(mutant.breaks);
  });
});
