import { describe, expect, test } from 'vitest';
import { compareClaims, inProcessBackplane, type KeyEvent, type KeyState, NEWEST_WINS, Router } from '../src/index.js';
import { ADMISSION_TIMEOUT_MS, Terms } from '../src/terms.js';
import { A, FakeSocket, register } from './fake-socket.js';

test('claims are ordered by term, then node, then connection', () => {
  const claim = { key: A, term: 5, nodeId: 'm', connectionId: 3 };
  const greater = [{ term: 6 }, { nodeId: 'n' }, { connectionId: 4 }, { term: 6, nodeId: 'a', connectionId: 1 }];
  for (const change of greater) {
    expect(compareClaims({ ...claim, ...change }, claim)).toBeGreaterThan(0);
    expect(compareClaims(claim, { ...claim, ...change })).toBeLessThan(0);
  }
  expect(compareClaims(claim, claim)).toBe(0);
});

describe('the table of newest wins', () => {
  const rows = Object.entries(NEWEST_WINS).flatMap(([state, events]) =>
    Object.entries(events).map(([event, step]) => ({ state: state as KeyState, event: event as KeyEvent, step })),
  );
  test('has a row for every state and event', () => {
    expect(rows).toHaveLength(12);
  });
  test.each(rows)('$state, $event: what it does fits where it leads', ({ state, step }) => {
    const { next, actions } = step;
    // A key that is no longer held is given up, and one is given up only then.
    expect(actions.includes('leave')).toBe(state === 'held' && next === 'absent');
    // Where nobody held the key before and somebody does now, it was taken up.
    if (state === 'absent') expect(actions.includes('hold')).toBe(next === 'held');
    // Of two connections one is always closed: never both kept, never neither.
    if (actions.includes('hold') && state === 'held') expect(actions).toContain('close-held');
    expect(actions.includes('close-held') && actions.includes('refuse-new')).toBe(false);
    // Only a key that is connected nowhere is said to be gone.
    if (actions.includes('tell-gone')) expect(actions).not.toContain('close-held');
  });

  test('two admitted at once: the one with the greater term stays, in whichever order they attach', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const router = new Router();
      const [first, second] = await Promise.all([router.admit(A, 0), router.admit(A, 0)]);
      if (!first.ok || !second.ok) throw new Error('not admitted');
      expect(second.term).toBeGreaterThan(first.term);
      const sockets = [new FakeSocket(A, first.term), new FakeSocket(A, second.term)] as const;
      for (const i of order) router.attach(sockets[i]);
      expect(sockets[0].closedWith).toMatchObject({ code: 'replaced' });
      expect(sockets[1].closedWith).toBeNull();
      expect(router.size).toBe(1);
      router.close();
    }
  });

  test('a node that hears a lesser claim says its own again, so that the other gives way', async () => {
    const backplane = inProcessBackplane();
    const router = new Router({ backplane, nodeId: 'n' });
    const socket = await register(router, A, 10);
    const heard: number[] = [];
    const link = backplane.join({
      nodeId: 'a',
      claimed: ({ term }) => heard.push(term),
      message: () => 'offline',
      gone: () => {},
      undeliverable: () => {},
    });
    link.claim({ key: A, term: 3, nodeId: 'a', connectionId: 1 });
    expect(heard).toEqual([11]);
    expect(socket.closedWith).toBeNull();
    link.claim({ key: A, term: 12, nodeId: 'a', connectionId: 1 });
    expect(socket.closedWith).toMatchObject({ code: 'replaced' });
    expect(router.size).toBe(0);
  });
});

describe('an admission that never attaches', () => {
  test('is released when its client is gone', async () => {
    const router = new Router();
    const gone = new AbortController();
    const first = await router.admit(A, 0, { signal: gone.signal });
    gone.abort();
    const second = await router.admit(A, 0);
    expect([first, second]).toMatchObject([{ term: 1 }, { term: 1 }]);
    router.close();
  });
  test('is released when time is up', () => {
    const terms = new Terms();
    terms.give(A, 7, 1_000);
    terms.expire(1_000 + ADMISSION_TIMEOUT_MS - 1);
    expect(terms.highest(A)).toBe(7);
    terms.expire(1_000 + ADMISSION_TIMEOUT_MS);
    expect([terms.highest(A), terms.size]).toEqual([0, 0]);
  });
  test('an older one that attaches does not release a newer one', () => {
    const terms = new Terms();
    terms.give(A, 7, 0);
    terms.give(A, 8, 0);
    terms.take(A, 7);
    expect(terms.highest(A)).toBe(8);
    terms.take(A, 8);
    expect(terms.size).toBe(0);
  });
});
