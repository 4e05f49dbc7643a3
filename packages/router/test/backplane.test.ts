import { afterEach, expect, test, vi } from 'vitest';
import { type BackplaneNode, inProcessBackplane, Router } from '../src/index.js';
import { backplaneTests } from '../src/testing.js';

afterEach(() => vi.useRealTimers());

test.each(backplaneTests)('in-process backplane: $name', async ({ run }) => {
  const backplane = inProcessBackplane();
  await run(() => backplane);
});

test('maxMessage above the backplane’s limit is refused', () => {
  const small = { ...inProcessBackplane(), maxMessageBytes: 100_000 };
  expect(() => new Router({ backplane: small, limits: { maxMessage: 100_001 } })).toThrow(/at most 100000 bytes/);
  new Router({ backplane: small, limits: { maxMessage: 100_000 } }).close();
});

/** Each way to be a bad backplane, and the promise that finds it. */
const faults: readonly (readonly [string, (node: BackplaneNode) => BackplaneNode, RegExp])[] = [
  [
    'loses every second message',
    (node) => {
      let count = 0;
      return { ...bound(node), message: (to, message) => (count++ % 2 === 1 ? null : node.message(to, message)) };
    },
    /all messages arrive/,
  ],
  [
    'delivers twice',
    (node) => ({
      ...bound(node),
      message(to, message) {
        node.message(to, message.slice());
        return node.message(to, message);
      },
    }),
    /arrives once/,
  ],
  ['swallows claims', (node) => ({ ...bound(node), claimed: () => {} }), /claim arrives|keeps each/],
  ['swallows refusals', (node) => ({ ...bound(node), message: () => null }), /is reached/],
  ['swallows departures', (node) => ({ ...bound(node), gone: () => {} }), /both hear it/],
];

function bound(node: BackplaneNode): BackplaneNode {
  return {
    nodeId: node.nodeId,
    claimed: (claim) => node.claimed(claim),
    message: (to, message) => node.message(to, message),
    gone: (key, term) => node.gone(key, term),
    undeliverable: (to, from, head, code) => node.undeliverable(to, from, head, code),
  };
}

test.each(faults)('the suite finds a backplane that %s', async (_, spoil, complaint) => {
  vi.useFakeTimers(); // what the suite waits for in vain, it waits for no time
  const complaints: string[] = [];
  const runs = Promise.all(
    backplaneTests.map(async ({ run }) => {
      const sound = inProcessBackplane();
      const spoilt = { ...sound, join: (node: BackplaneNode) => sound.join(spoil(node)) };
      await run(() => spoilt).catch((error: Error) => complaints.push(error.message));
    }),
  );
  await vi.advanceTimersByTimeAsync(30_000);
  await runs;
  expect(complaints.join('\n')).toMatch(complaint);
});
