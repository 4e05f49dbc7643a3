import { expect, test } from 'vitest';
import { MAX_IN_ALL, MAX_PER_KEY, RecentPeers } from '../src/recent-peers.js';

test('whoever talked to a key is told, once, and nobody else', () => {
  const known = new RecentPeers();
  known.note('a', 'b');
  known.note('b', 'a');
  known.note('c', 'b');
  known.note('c', 'c');
  expect([...known.gone('b')].sort()).toEqual(['a', 'c']);
  expect(known.gone('b')).toEqual([]);
  expect(known.size).toBe(0);
});

test('a hub tells all who talked to it, and hears of its last 1,024', () => {
  const known = new RecentPeers();
  for (let i = 0; i < 3_000; i++) {
    known.note('hub', `k${i}`);
    known.note(`k${i}`, 'hub');
  }
  expect(known.gone('k0')).toEqual([]);
  expect(known.gone('k2999')).toEqual(['hub']);
  expect(known.gone('hub')).toHaveLength(2_998);
  expect(known.size).toBe(0);
});

test('memory is bounded, however many keys talk to however many', () => {
  const known = new RecentPeers();
  for (let key = 0; key < 1_100; key++)
    for (let peer = 0; peer < MAX_PER_KEY; peer++) known.note(`k${key}`, `p${peer}`);
  expect(known.size).toBeLessThanOrEqual(MAX_IN_ALL + 64 * 1_100);
  const before = known.size;
  for (let peer = 0; peer < 100; peer++) known.note('late', `q${peer}`);
  expect(known.size).toBe(before + 64);
});

test('notes again what it has forgotten', () => {
  const known = new RecentPeers();
  known.note('hub', 'first');
  const { generation } = known;
  for (let i = 0; i < MAX_PER_KEY; i++) known.note('hub', `k${i}`);
  expect(known.generation).toBeGreaterThan(generation);
});
