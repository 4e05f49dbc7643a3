import type { Backplane, BackplaneNode } from './backplane.js';
import type { Claim } from './claim.js';

/** One promise that any backplane must keep. `make` gives as many ends of one backplane as asked for. */
export interface BackplaneTest {
  readonly name: string;
  run(make: () => Backplane | Promise<Backplane>): Promise<void>;
}

function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(`backplane: ${message}`);
}

function recordingNode(nodeId: string) {
  const heard: {
    claims: Claim[];
    messages: { to: string; message: Uint8Array }[];
    gone: string[];
    undeliverable: string[];
  } = { claims: [], messages: [], gone: [], undeliverable: [] };
  const node: BackplaneNode = {
    nodeId,
    claimed: (claim) => heard.claims.push(claim),
    message: (to, message) => heard.messages.push({ to, message }),
    gone: (key) => heard.gone.push(key),
    undeliverable: (to, from, _head, code) => heard.undeliverable.push(`${from}>${to}:${code}`),
  };
  return { node, heard };
}

/** Waits until `done`, or fails after two seconds. */
async function until(done: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`backplane: ${what} within 2 s`);
}

/** The suite that every `Backplane` passes; run each with your own test runner. */
export const backplaneTests: readonly BackplaneTest[] = [
  {
    name: 'a message reaches the node that subscribed, and nobody is told when there is none',
    async run(make) {
      const backplane = await make();
      const [a, b] = [recordingNode('a'), recordingNode('b')];
      backplane.join(a.node);
      backplane.join(b.node);
      expectThat(
        !(await backplane.publish('a', 'key', new Uint8Array(33))),
        'publish to a key without a node must say so',
      );
      backplane.subscribe('b', 'key');
      expectThat(await backplane.publish('a', 'key', Uint8Array.of(1, 2)), 'publish must reach the subscriber');
      await until(() => b.heard.messages.length === 1, 'the message must arrive');
      backplane.unsubscribe('b', 'key');
      expectThat(!(await backplane.publish('a', 'key', new Uint8Array(33))), 'an unsubscribed key has no node');
    },
  },
  {
    name: 'claims reach the others, and the highest term is known',
    async run(make) {
      const backplane = await make();
      const [a, b] = [recordingNode('a'), recordingNode('b')];
      backplane.join(a.node);
      backplane.join(b.node);
      backplane.subscribe('a', 'key');
      backplane.claim({ key: 'key', term: 7, nodeId: 'a', connectionId: 1 });
      await until(() => b.heard.claims.length === 1, 'the claim must arrive');
      expectThat(a.heard.claims.length === 0, 'a node does not hear its own claim');
      expectThat((await backplane.highestTerm('key')) === 7, 'the highest term must be 7');
    },
  },
  {
    name: 'gone and undeliverable find their nodes',
    async run(make) {
      const backplane = await make();
      const [a, b] = [recordingNode('a'), recordingNode('b')];
      backplane.join(a.node);
      backplane.join(b.node);
      backplane.subscribe('a', 'from');
      backplane.undeliverable('b', 'to', 'from', new Uint8Array(25), 'congested');
      backplane.gone('b', 'to', 1);
      await until(() => a.heard.undeliverable.length === 1 && a.heard.gone.length === 1, 'both notices must arrive');
    },
  },
];
