import { expect, test, vi } from 'vitest';
import { type CountRecord, SharedCounts, type SiblingCounts } from '../src/workers/shared-counts.js';

const [A, B] = ['192.0.2.1', '192.0.2.2'];
const turn = () => new Promise((resolve) => setImmediate(resolve));
const count = (of: string, network: string, size: number): CountRecord => ({ type: 'count', of, network, size });

test('siblings are told at the end of a turn what changed in it, once', async () => {
  const counts = new SharedCounts();
  const told: CountRecord[] = [];
  counts.tellWith((record) => told.push(record));
  const { connections, pending } = counts.elsewhere;
  for (const size of [1, 2, 3]) connections.onchange?.(A, size);
  pending.onchange?.(A, 1);
  expect(told).toEqual([]);
  await turn();
  expect(told.splice(0)).toEqual([count('connections', A, 3), count('pending', A, 1)]);
  connections.onchange?.(A, 0);
  await turn();
  expect(told.splice(0)).toEqual([count('connections', A, 0)]);
  await turn();
  expect(told).toEqual([]);
});

test('all changes of a turn wait for one callback', () => {
  const { connections } = new SharedCounts().elsewhere;
  const callbacks = vi.spyOn(globalThis, 'setImmediate');
  for (const size of [1, 2, 3]) connections.onchange?.(A, size);
  expect(callbacks).toHaveBeenCalledOnce();
  callbacks.mockRestore();
});

test('a new sibling is told of every address that has connections', async () => {
  const counts = new SharedCounts();
  const { connections, requests } = counts.elsewhere;
  connections.onchange?.(A, 2);
  requests.onchange?.(A, 1);
  connections.onchange?.(B, 1);
  await turn();
  connections.onchange?.(B, 0);
  expect([...counts.all()]).toEqual([count('connections', A, 2), count('requests', A, 1)]);
});

test('what a sibling says counts until it says otherwise, or is lost', () => {
  const counts = new SharedCounts();
  const { connections, pending } = counts.elsewhere;
  const [one, two]: SiblingCounts[] = [new Map(), new Map()];
  if (one === undefined || two === undefined) throw new Error('no siblings');
  counts.heard(one, count('connections', A, 3));
  counts.heard(two, count('connections', A, 4));
  counts.heard(one, count('connections', A, 1));
  counts.heard(one, count('pending', B, 2));
  expect([connections.of(A), pending.of(B), one.size]).toEqual([5, 2, 2]);
  counts.heard(one, count('pending', B, 0));
  expect([pending.of(B), one.size]).toEqual([0, 1]);
  counts.lost(one);
  expect([connections.of(A), connections.size]).toEqual([4, 4]);
});

test('a kind of count that this version does not know is ignored', () => {
  const counts = new SharedCounts();
  const said: SiblingCounts = new Map();
  counts.heard(said, count('upgrades', A, 1));
  expect(said.size).toBe(0);
});
