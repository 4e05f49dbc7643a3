import { describe, expect, test } from 'vitest';
import { type Exploration, explore } from './explore.js';
import { MUTANTS } from './mutants.js';
import { DEEP_SCENARIOS, SCENARIOS } from './scenarios.js';
import { loadSources } from './sources.js';

// `pnpm soak explorer` sets this: larger scenarios, until this many states of each.
const deep = Number(process.env.SWS_EXPLORE_STATES ?? 0);

function report({ scenario, states, transitions, depth, ends, pairs, frames, complete }: Exploration): void {
  console.log(
    `${scenario}: ${states} states (${ends.join(' and ')} of the ends, ${pairs} pairs, ${frames} frames), ` +
      `${transitions} transitions, depth ${depth}${complete ? ', all there are' : ''}`,
  );
}

describe('every state of the real machines within small bounds', () => {
  test.each(Object.values(deep > 0 ? DEEP_SCENARIOS : SCENARIOS))(
    '$name',
    { timeout: deep > 0 ? 7_200_000 : 300_000 },
    async (scenario) => {
      const result = explore(await loadSources(), scenario, {
        maxStates: deep > 0 ? deep : 100_000,
        ...(deep > 0 ? { onLayer: report } : {}),
      });
      report(result);
      expect(result.violation).toBeNull();
      if (deep === 0) expect(result.complete).toBe(true);
    },
  );
});

describe.skipIf(deep > 0)('a seeded defect is found', () => {
  test.each(MUTANTS)('$name', { timeout: 300_000 }, async (mutant) => {
    const sources = await loadSources(mutant);
    const scenario = { ...SCENARIOS, ...DEEP_SCENARIOS }[mutant.scenario];
    const { violation } = explore(sources, scenario, { maxStates: 60_000 });
    expect(violation?.message).toMatch(mutant.breaks);
  });
});
