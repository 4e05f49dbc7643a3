import { expect, test } from 'vitest';
import { MAX_PENDING_OPENS, MAX_PENDING_OPENS_PER_PEER, PendingOpens } from '../../src/channel/pending-opens.js';

const content = Uint8Array.of(1, 2, 3);
const add = (pending: PendingOpens, name: string, peer = name, isKnown = false, nowMs = 0): boolean =>
  pending.add(name, peer, isKnown, content, nowMs);

test('keeps a copy of a waiting OPEN, and returns it once', () => {
  const pending = new PendingOpens();
  const given = content.slice();
  pending.add('a', 'peer', false, given, 0);
  given.fill(9);
  expect(pending.has('a')).toBe(true);
  expect(pending.take('a', 1)).toEqual(content);
  expect([pending.has('a'), pending.take('a', 1)]).toEqual([false, null]);
});

test('four OPENs of one peer wait, and a fifth after one is answered', () => {
  const pending = new PendingOpens();
  for (let i = 0; i < MAX_PENDING_OPENS_PER_PEER; i++) expect(add(pending, `${i}`, 'peer')).toBe(true);
  expect(add(pending, 'one more', 'peer')).toBe(false);
  pending.take('0', 0);
  expect(add(pending, 'one more', 'peer')).toBe(true);
});

test('strangers fill at most half of all places, known peers the rest', () => {
  const pending = new PendingOpens();
  for (let i = 0; i < MAX_PENDING_OPENS / 2; i++) expect(add(pending, `stranger ${i}`)).toBe(true);
  expect(add(pending, 'one more')).toBe(false);
  for (let i = 0; i < MAX_PENDING_OPENS / 2; i++) expect(add(pending, `friend ${i}`, `friend ${i}`, true)).toBe(true);
  expect(add(pending, 'one more friend', 'one more friend', true)).toBe(false);
});

test('an OPEN not answered within 45 s frees its place', () => {
  const pending = new PendingOpens();
  for (let i = 0; i < MAX_PENDING_OPENS / 2; i++) add(pending, `${i}`);
  expect(add(pending, 'late', 'late', false, 44_999)).toBe(false);
  expect(pending.take('0', 45_000)).toBeNull();
  expect(add(pending, 'late', 'late', false, 45_000)).toBe(true);
});
