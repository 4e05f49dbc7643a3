import { expect, test } from 'vitest';
import { MAX_IN_ALL, MAX_PER_KEY, RecentPeers } from '../src/recent-peers.js';

test('only peers that talked to a key get PEER_GONE, once', () => {
  const known = new RecentPeers();
  known.note('a', 'b');
  known.note('b', 'a');
  known.note('c', 'b');
  known.note('c', 'c');
  expect([...known.gone('b')].sort()).toEqual(['a', 'c']);
  expect(known.gone('b')).toEqual([]);
  expect(known.size).toBe(0);
});

test('a hub notifies all its peers, and gets notified about its last 1,024', () => {
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

test('memory is bounded for any number of keys and peers', () => {
  const known = new RecentPeers();
  for (let key = 0; key < 1_100; key++)
    for (let peer = 0; peer < MAX_PER_KEY; peer++) known.note(`k${key}`, `p${peer}`);
  expect(known.size).toBeLessThanOrEqual(MAX_IN_ALL + 64 * 1_100);
  const before = known.size;
  for (let peer = 0; peer < 100; peer++) known.note('late', `q${peer}`);
  expect(known.size).toBe(before + 64);
});

test('a forgotten pair is remembered again', () => {
  const known = new RecentPeers();
  known.note('hub', 'first');
  const { generation } = known;
  for (let i = 0; i < MAX_PER_KEY; i++) known.note('hub', `k${i}`);
  expect(known.generation).toBeGreaterThan(generation);
});
