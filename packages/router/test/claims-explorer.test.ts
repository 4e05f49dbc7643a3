import { describe, expect, test } from 'vitest';
import { type Backplane, type BackplaneNode, type Claim, compareClaims, Router } from '../src/index.js';
import { A, FakeSocket } from './fake-socket.js';

// PROTOCOL §2, Same key twice, across nodes: the real routers, every order in which one key registers at several nodes
// and claims arrive, are lost or come twice. Routers are cheap, so a state is reached by taking its actions again.

const NODES = ['a', 'b', 'c'] as const;

type Action =
  | { readonly type: 'register'; readonly node: number; readonly informed: boolean }
  | { readonly type: 'deliver' | 'repeat' | 'lose'; readonly index: number };

interface Bounds {
  readonly nodes: number;
  readonly registrations: number;
  readonly inFlight: number;
}

class World {
  readonly sockets: FakeSocket[] = [];
  readonly flying: { readonly to: number; readonly claim: Claim }[] = [];
  readonly #routers: Router[] = [];
  readonly #nodes: BackplaneNode[] = [];
  /** What each node holds, as its link was told. */
  readonly #held: (Claim | null)[] = [];
  readonly #bounds: Bounds;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    for (let index = 0; index < bounds.nodes; index++) {
      this.#held.push(null);
      const backplane: Backplane = {
        maxMessageBytes: 1_048_576,
        join: (node) => {
          this.#nodes.push(node);
          return {
            highestTerm: async () => 0,
            claim: (claim) => {
              this.#held[index] = claim;
              for (let to = 0; to < bounds.nodes; to++) if (to !== index) this.flying.push({ to, claim });
            },
            release: () => {
              this.#held[index] = null;
            },
            publish: () => 'offline',
            gone() {},
            leave() {},
          };
        },
      };
      this.#routers.push(new Router({ nodeId: NODES[index] ?? '', backplane }));
    }
  }

  actions(): Action[] {
    const actions: Action[] = [];
    if (this.sockets.length < this.#bounds.registrations) {
      for (let node = 0; node < this.#bounds.nodes; node++)
        actions.push({ type: 'register', node, informed: true }, { type: 'register', node, informed: false });
    }
    for (let index = 0; index < this.flying.length; index++)
      actions.push({ type: 'deliver', index }, { type: 'lose', index }, { type: 'repeat', index });
    return actions;
  }

  /** False where it goes past the bounds. */
  take(action: Action): boolean {
    if (action.type === 'register') {
      const router = this.#routers[action.node];
      // Whether the other nodes' answers about the highest term came in time.
      const known = action.informed ? this.#held : [this.#held[action.node] ?? null];
      const term = 1 + Math.max(0, ...known.map((claim) => claim?.term ?? 0));
      const socket = new FakeSocket(A, term);
      this.sockets.push(socket);
      router?.add(socket);
    } else {
      const flying = this.flying[action.index];
      if (flying === undefined) return false;
      if (action.type !== 'repeat') this.flying.splice(action.index, 1);
      if (action.type !== 'lose') this.#nodes[flying.to]?.claimed(flying.claim);
    }
    return this.flying.length <= this.#bounds.inFlight;
  }

  get open(): number {
    return this.sockets.filter(({ closedWith }) => closedWith === null).length;
  }

  text(): string {
    const claimText = (claim: Claim | null) =>
      claim === null ? '-' : `${claim.nodeId}${claim.term}.${claim.connectionId}`;
    const flying = this.flying.map(({ to, claim }) => `${to}${claimText(claim)}`).sort();
    return [
      ...this.#held.map(claimText),
      ...this.sockets.map(({ term, closedWith }) => `${term}${closedWith === null}`),
      ...flying,
    ].join(' ');
  }

  /** Nodes repeat their claims and all arrive, until nothing changes. */
  settle(): void {
    for (let round = 0; round < 10; round++) {
      const before = this.text();
      for (const [index, claim] of this.#held.entries())
        if (claim !== null)
          for (let to = 0; to < this.#bounds.nodes; to++) if (to !== index) this.flying.push({ to, claim });
      for (let frames = 0; this.flying.length > 0; frames++) {
        if (frames > 200) throw new Error('claims answer claims without end');
        const [flying] = this.flying.splice(0, 1);
        if (flying !== undefined) this.#nodes[flying.to]?.claimed(flying.claim);
      }
      if (this.text() === before) return;
    }
    throw new Error('claims do not settle');
  }

  /** The greatest claim that any node holds. */
  greatest(): Claim | null {
    return this.#held.reduce(
      (best, claim) => (claim !== null && (best === null || compareClaims(claim, best) > 0) ? claim : best),
      null,
    );
  }
}

function replay(bounds: Bounds, actions: readonly Action[]): World {
  const world = new World(bounds);
  for (const action of actions) world.take(action);
  return world;
}

/** Breadth first over all states. Gives how many there are. */
function explore(bounds: Bounds): number {
  const seen = new Set(['']);
  let layer: (readonly Action[])[] = [[]];
  while (layer.length > 0) {
    const next: (readonly Action[])[] = [];
    for (const path of layer) {
      for (const action of replay(bounds, path).actions()) {
        const world = replay(bounds, path);
        if (!world.take(action)) continue;
        const text = world.text();
        if (seen.has(text)) continue;
        seen.add(text);
        const actions = [...path, action];
        const where = JSON.stringify(actions);
        expect(world.open, `nobody is left of a key that registered: ${where}`).toBeGreaterThan(0);
        const greatest = world.greatest();
        world.settle();
        expect(world.open, `one connection of a key stays: ${where}`).toBe(1);
        expect(world.greatest(), `the greatest claim wins: ${where}`).toEqual(greatest);
        next.push(actions);
      }
    }
    layer = next;
  }
  return seen.size;
}

describe('in every order of claims, only the greatest connection of a key stays', () => {
  test.each([
    { nodes: 2, registrations: 3, inFlight: 4 },
    { nodes: 3, registrations: 2, inFlight: 4 },
  ])('$nodes nodes, $registrations registrations, $inFlight claims in flight', (bounds) => {
    const states = explore(bounds);
    console.log(`${states} states`);
    expect(states).toBeGreaterThan(100);
  });
});
