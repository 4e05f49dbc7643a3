import { encodeHex, Identity } from '@sws/crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { PeerCache } from '../../src/channel/peer-cache.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { type Channel, ChannelTable, DEFAULT_CHANNEL_SETTINGS } from '../../src/index.js';
import { countingProvider, type Work } from '../simulator/counting-provider.js';
import { HostilePeer } from '../simulator/hostile-peer.js';
import { seeded } from '../simulator/seeded.js';
import { toy } from '../simulator/toy-provider.js';

const random = seeded(1);
const friend = newEnd('friend', toy);
let now: number;
let victim: ReturnType<typeof newEnd>;
let work: Work;
let hostile: HostilePeer[];

function newEnd(name: string, provider: typeof toy, isKnown: (peer: string) => boolean = () => false) {
  const identity = Identity.fromSeed(toy.sha512(new TextEncoder().encode(name)).subarray(0, 32), provider);
  const accepted: Channel[] = [];
  const table = new ChannelTable({
    provider,
    random: random.bytes,
    staticKey: identity,
    settings: DEFAULT_CHANNEL_SETTINGS,
    accept: () => true,
    isKnown,
  });
  return { table, identity, key: identity.publicKeyBytes(), accepted };
}

type End = ReturnType<typeof newEnd>;

/** Hands out what the tables have to tell. */
function tell(...ends: readonly End[]): void {
  for (const { table, accepted } of ends)
    for (let notice = table.pollEvent(); notice !== null; notice = table.pollEvent()) {
      if (notice.event.type === 'open') accepted.push(notice.channel);
      else if (notice.event.type === 'message') table.handleCommand(notice.channel, { type: 'delivered' }, now);
    }
}

function send(end: End, channel: Channel | undefined, data: string | Uint8Array): void {
  if (channel !== undefined) end.table.handleCommand(channel, { type: 'send', data }, now);
}

/** Carries frames between the victim and its peers until nothing moves. */
function exchange(honest: readonly End[]): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (let message = victim.table.pollFrame(now); message !== null; message = victim.table.pollFrame(now)) {
      moved = true;
      const to = message.slice(1, MESSAGE_HEAD_BYTES);
      const content = message.slice(MESSAGE_HEAD_BYTES);
      honest.find(({ key }) => Buffer.compare(key, to) === 0)?.table.handleMessage(victim.key, content, now);
      hostile.find(({ key }) => Buffer.compare(key, to) === 0)?.receive(content);
    }
    for (const { table, key } of honest)
      for (let message = table.pollFrame(now); message !== null; message = table.pollFrame(now)) {
        moved = true;
        victim.table.handleMessage(key, message.slice(MESSAGE_HEAD_BYTES), now);
      }
    tell(victim, ...honest);
  }
}

/** 90 keys send 36 OPENs a second each, for `seconds`; `meanwhile` is done every 100 ms. */
function flood(seconds: number, honest: readonly End[], meanwhile: () => void): void {
  for (let tick = 0; tick < 10 * seconds; tick++) {
    for (const peer of hostile) for (let i = 0; i < 4; i++) peer.bogusOpen();
    meanwhile();
    for (const { table } of [victim, ...honest]) table.handleTimeout(now);
    exchange(honest);
    now += 100;
  }
}

const dial = (end: End): Channel => end.table.open(victim.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);

beforeEach(() => {
  now = 1_000_000;
  const counting = countingProvider(toy);
  work = counting.work;
  victim = newEnd('victim', counting.provider, (peer) => peer === friend.identity.publicKey);
  victim.table.handleConnected(now);
  hostile = Array.from({ length: 90 }, (_, i) => {
    return new HostilePeer(i, random, victim.key, (from, content) => victim.table.handleMessage(from, content, now));
  });
});

describe('while 90 strangers send 36 OPENs a second each', () => {
  /** Opens one channel every 400 ms; all must be open at the end. */
  function opensTen(end: End): void {
    end.table.handleConnected(now);
    const channels: Channel[] = [];
    flood(4, [end], () => {
      if (channels.length < 10 && channels.length * 400 <= now - 1_000_000) channels.push(dial(end));
    });
    expect(channels.map(({ phase }) => phase)).toEqual(Array(10).fill('open'));
  }

  test('a peer that the application knows gets every ACCEPT', () => {
    opensTen(newEnd('friend', toy));
  });

  test('a peer that the victim has dialled gets every ACCEPT', () => {
    const end = newEnd('dialled', toy);
    end.table.handleConnected(now);
    victim.table.open(end.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);
    exchange([end]);
    opensTen(end);
  });

  test('a peer that has received a message gets every ACCEPT', () => {
    const end = newEnd('talking', toy);
    end.table.handleConnected(now);
    dial(end);
    exchange([end]);
    send(victim, victim.accepted[0], 'hello');
    exchange([end]);
    now += 100;
    for (const { table } of [end, victim]) table.handleTimeout(now);
    exchange([end]);
    now = 1_000_000;
    opensTen(end);
  });

  test('their OPENs cost 32 handshakes a second', () => {
    flood(2, [], () => {});
    const before = work.publicKeyOperations;
    flood(4, [], () => {});
    // es and, for peers that are not cached, ss.
    expect(work.publicKeyOperations - before).toBeLessThanOrEqual(4 * 32 * 2 + 64);
    expect(work.publicKeyOperations - before).toBeGreaterThan(4 * 16);
  });
});

test('1,000 talking peers do not evict one that was dialled', () => {
  const peers = new PeerCache({ provider: toy, random: random.bytes, staticKey: victim.identity });
  const keyOf = (index: number): Uint8Array =>
    new Uint8Array(32)
      .fill(7)
      .fill(index >> 8, 0, 1)
      .fill(index, 1, 2);
  peers.dial(friend.key);
  for (let i = 0; i < 1_000; i++) peers.talked(keyOf(i), `talker ${i}`);
  expect(peers.standing(friend.identity.publicKey)).toBe('known');
  // Nor do they use up its share of the work.
  for (let i = 0; i < 1_000; i++) peers.talked(keyOf(i), encodeHex(keyOf(i)));
  for (let i = 700; i < 1_000; i++) for (let times = 0; times < 40; times++) peers.admit(keyOf(i), now);
  expect(peers.admit(friend.key, now)).not.toBeNull();
});

describe('ACCEPT', () => {
  test('is processed 4 times a second for an OPEN, and the true one still gets through', () => {
    const peer = hostile[0] as HostilePeer;
    const channel = victim.table.open(peer.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);
    exchange([]);
    const before = work.publicKeyOperations;
    for (let i = 0; i < 2_000; i++) peer.accept(true);
    // ee, se and a decapsulation.
    expect(work.publicKeyOperations - before).toBeLessThanOrEqual(4 * 3);
    now += 1_000;
    peer.accept(false);
    expect(channel.phase).toBe('open');
  });

  test('costs nothing if no OPEN waits for it', () => {
    const peer = hostile[0] as HostilePeer;
    const channel = victim.table.open(peer.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);
    exchange([]);
    peer.accept(false);
    expect(channel.phase).toBe('open');
    const before = work.publicKeyOperations;
    for (let i = 0; i < 100; i++) peer.accept(true);
    expect(work.publicKeyOperations).toBe(before);
  });
});

test('RESETs over the limit are dropped before any work', () => {
  const peer = hostile[0] as HostilePeer;
  const channel = victim.table.open(peer.key, { resource: '/', protocols: [], waitUntilMs: 0 }, now);
  exchange([]);
  peer.accept(false);
  for (let i = 0; i < 1_000; i++) send(victim, channel, new Uint8Array(10));
  exchange([]);
  const before = victim.table.counters.overRate;
  for (let i = 0; i < 1_000; i++) peer.reset(channel.channelId);
  expect(victim.table.counters.overRate - before).toBeGreaterThanOrEqual(1_000 - 64);
});
