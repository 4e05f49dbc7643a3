import { type Action, type Scenario, Violation } from './scenario.js';
import type { loadSources } from './sources.js';
import { Visited } from './visited.js';
import { Explorable } from './world.js';

export interface Exploration {
  readonly scenario: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Whether every state within the bounds was seen, or the count of states ended it. */
  readonly complete: boolean;
  readonly fairRuns: number;
  readonly violation: { readonly message: string; readonly actions: readonly Action[] } | null;
}

interface Trace {
  readonly action: Action;
  readonly before: Trace | null;
}

/**
 * Breadth first over hashed states: every action in every state, every property after each. A fair relay's run is tried
 * from every `fairEvery`-th state.
 */
export function explore(
  sources: Awaited<ReturnType<typeof loadSources>>,
  scenario: Scenario,
  { maxStates, fairEvery }: { readonly maxStates: number; readonly fairEvery: number },
): Exploration {
  const world = new Explorable(sources, scenario);
  const seen = new Visited();
  seen.add(world.fingerprint(world.root));
  let layer: { state: typeof world.root; trace: Trace | null }[] = [{ state: world.root, trace: null }];
  let [transitions, depth, fairRuns] = [0, 0, 0];
  const result = (complete: boolean, violation: Exploration['violation']): Exploration => ({
    scenario: scenario.name,
    states: seen.size,
    transitions,
    depth,
    complete,
    fairRuns,
    violation,
  });
  while (layer.length > 0) {
    const next: typeof layer = [];
    for (let entry = layer.pop(); entry !== undefined; entry = layer.pop()) {
      const { state, trace } = entry;
      for (const action of world.actions(state)) {
        const fork = world.fork(state, action);
        const path = { action, before: trace };
        try {
          if (!world.step(fork, action)) continue;
          transitions++;
          if (!seen.add(world.fingerprint(fork))) continue;
          if (seen.size % fairEvery === 0) {
            fairRuns++;
            world.checkFairRun(fork);
          }
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          return result(false, { message: error.message, actions: actionsOf(path) });
        }
        next.push({ state: fork, trace: path });
        if (seen.size >= maxStates) return result(false, null);
      }
    }
    layer = next;
    depth++;
  }
  return result(true, null);
}

function actionsOf(trace: Trace | null): Action[] {
  const actions: Action[] = [];
  for (let at = trace; at !== null; at = at.before) actions.unshift(at.action);
  return actions;
}
