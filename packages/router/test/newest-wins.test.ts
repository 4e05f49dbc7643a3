import { MAX_TERM } from '@sws/protocol/internal';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compareClaims, inProcessBackplane, Router } from '../src/index.js';
import { type KeyEvent, type KeyState, NEWEST_WINS } from '../src/newest-wins.js';
import { PendingTerms } from '../src/pending-terms.js';
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
  test.each(rows)('$state, $event: the actions match the next state', ({ state, step }) => {
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

  test('of two keys admitted at once, the greater term stays, whichever attaches first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const router = new Router();
      const [first, second] = await Promise.all([router.admit(A, 0), router.admit(A, 0)]);
      if (!first.ok || !second.ok) throw new Error('not admitted');
      expect(second.term).toBeGreaterThan(first.term);
      const sockets = [new FakeSocket(A, first.term), new FakeSocket(A, second.term)] as const;
      for (const i of order) router.add(sockets[i]);
      expect(sockets[0].closedWith).toMatchObject({ code: 'replaced' });
      expect(sockets[1].closedWith).toBeNull();
      expect(router.size).toBe(1);
      router.close();
    }
  });

  test('a node repeats its claim when it hears a lesser one', async () => {
    const backplane = inProcessBackplane();
    const router = new Router({ backplane, nodeId: 'n' });
    const socket = await register(router, A);
    const heard: number[] = [];
    const link = backplane.join({
      nodeId: 'a',
      claimed: ({ term }) => heard.push(term),
      message: () => 'offline',
      gone: () => {},
      undeliverable: () => {},
    });
    link.claim({ key: A, term: 3, nodeId: 'a', connectionId: 1 });
    expect(heard).toEqual([socket.term]);
    expect(socket.closedWith).toBeNull();
    link.claim({ key: A, term: socket.term + 1, nodeId: 'a', connectionId: 1 });
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
    if (!first.ok || !second.ok) throw new Error('not admitted');
    expect(second.term).toBe(first.term);
    router.close();
  });
  test('is released when time is up', () => {
    const terms = new PendingTerms();
    terms.give(A, 7, 1_000);
    terms.expire(30_999);
    expect(terms.highest(A)).toBe(7);
    terms.expire(31_000);
    expect([terms.highest(A), terms.size]).toEqual([0, 0]);
  });
  test('an older admission that attaches does not release a newer one', () => {
    const terms = new PendingTerms();
    terms.give(A, 7, 0);
    terms.give(A, 8, 0);
    terms.settle(A, 7);
    expect(terms.highest(A)).toBe(8);
    terms.settle(A, 8);
    expect(terms.size).toBe(0);
  });
});

describe('terms (PROTOCOL §2)', () => {
  afterEach(() => void vi.useRealTimers());
  const refused = { ok: false, failure: { code: 'term-refused' } };

  test('one registration with the highest lastTerm does not lock the key out', async () => {
    const backplane = inProcessBackplane();
    const [a, b] = [new Router({ backplane, nodeId: 'a' }), new Router({ backplane, nodeId: 'b' })];
    expect(await a.admit(A, MAX_TERM)).toMatchObject(refused);
    const dayAhead = Math.floor(Date.now() / 1000) * 1024 + 86_400 * 1024;
    let last = await register(a, A, dayAhead);
    for (const router of [b, a, b]) {
      const next = await register(router, A);
      expect([last.closedWith?.code, next.closedWith]).toEqual(['replaced', null]);
      last = next;
    }
    a.close();
    b.close();
  });

  test('a node with a clock years ahead does not keep others from being the newest', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const now = Date.now();
    const backplane = inProcessBackplane();
    const [wrong, right] = [new Router({ backplane, nodeId: 'z' }), new Router({ backplane, nodeId: 'a' })];
    vi.setSystemTime(now + 20 * 365 * 86_400_000);
    const first = await register(wrong, A);
    vi.setSystemTime(now);
    const second = await register(right, A);
    expect([first.closedWith?.code, second.closedWith]).toEqual(['replaced', null]);
    wrong.close();
    right.close();
    // A relay that knows nothing of it refuses the term, and takes the client without.
    const other = new Router();
    expect(await other.admit(A, second.term)).toMatchObject(refused);
    expect(await other.admit(A, 0)).toMatchObject({ ok: true });
    other.close();
  });

  test('a restarted relay gives a greater term, even if its clock went back an hour', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const before = new Router();
    const { term } = await register(before, A);
    before.close();
    vi.setSystemTime(Date.now() - 3_600_000);
    const after = new Router();
    const next = await register(after, A, term);
    expect(next.term).toBeGreaterThan(term);
    after.close();
  });
});
