import { Identity } from '@sws/crypto';
import { nodeProvider as provider } from '@sws/crypto/node';
import { describe, expect, test } from 'vitest';
import { ChannelKeys, type Role } from '../../src/channel/channel-keys.js';
import { OPCODE } from '../../src/channel/data.js';
import { Flight } from '../../src/channel/flight.js';
import { Gauge } from '../../src/channel/gauge.js';
import { Incoming } from '../../src/channel/incoming.js';
import { DEFAULT_MEMORY_LIMITS, MemoryBudget } from '../../src/channel/memory-budget.js';
import { Outgoing } from '../../src/channel/outgoing.js';
import { Rekey } from '../../src/channel/rekey.js';
import { seeded } from '../simulator/seeded.js';
import { World } from './world.js';

const NOW = 1_000_000;
const INTERVAL_MS = 30_000;
const LEAST_FRAMES = 2 ** 14;

/** One end's keys, what it sends and its rekeys: no transport, so that a frame is sealed when a test says so. */
class Half {
  readonly keys: ChannelKeys;
  readonly outgoing = new Outgoing('padme', new Flight());
  readonly rekey: Rekey;
  readonly incoming = new Incoming(
    new MemoryBudget(DEFAULT_MEMORY_LIMITS).dial('peer', 1_048_576),
    new Gauge(),
    1_048_576,
    1_048_576,
  );

  constructor(role: Role) {
    const random = seeded(role === 'initiator' ? 1 : 2).bytes;
    const [a, b] = [Identity.fromSeed(new Uint8Array(32).fill(1)), Identity.fromSeed(new Uint8Array(32).fill(2))];
    const [own, peer] = role === 'initiator' ? [a, b] : [b, a];
    const [id, transcript, ikm] = [new Uint8Array(16), new Uint8Array(64), new Uint8Array(160)];
    this.keys = new ChannelKeys(provider, own, peer.publicKeyBytes(), id, role, transcript, ikm);
    this.outgoing.grant(1_048_576);
    this.rekey = new Rekey(this.keys, this.outgoing, random, 2 ** 16);
  }

  seal(): Uint8Array | null {
    const message = this.outgoing.next(this.keys, NOW);
    if (message !== null) this.rekey.sent(NOW);
    return message;
  }
}

/** A whole rekey at the responder, whose peer is a program of ours. */
function rekeys(half: Half, nowMs: number): void {
  const publicKey = provider.x25519PublicKey(seeded(nowMs).bytes(32));
  expect(half.rekey.takeRekey(publicKey, false, nowMs)).toBeNull();
}

/** A responder after its first rekey, which its peer has not acknowledged. */
function rekeyedOnce(): Half {
  const half = new Half('responder');
  rekeys(half, NOW);
  half.seal();
  half.rekey.takeRekeyed(NOW);
  return half;
}

describe('a responder', () => {
  test('accepts rekeyed only after its own answer is sealed', () => {
    const half = new Half('responder');
    rekeys(half, NOW);
    expect(half.rekey.takeRekeyed(NOW)).toMatchObject({ code: 'protocol-error' });
    expect(half.seal()).not.toBeNull();
    expect(half.rekey.takeRekeyed(NOW)).toBeNull();
    expect(half.keys.epoch).toBe(1);
  });

  test('answers a second rekey 30 s after the first was complete, whenever it arrives', () => {
    const half = rekeyedOnce();
    half.outgoing.acknowledge(1, NOW);
    rekeys(half, NOW + 1);
    expect(half.rekey.answerAt(NOW + 1)).toBe(NOW + INTERVAL_MS);
    expect(half.rekey.answer(NOW + INTERVAL_MS - 1)).toBeNull();
    expect(half.seal()).toBeNull();
    expect(half.rekey.answer(NOW + INTERVAL_MS)).toBeNull();
    expect(half.seal()).not.toBeNull();
  });

  test('answers it at once after 2^14 frames', () => {
    const half = rekeyedOnce();
    for (let seq = 0; seq < LEAST_FRAMES; seq++) half.keys.sealData(1 + seq, new Uint8Array(5));
    half.outgoing.acknowledge(1, NOW);
    rekeys(half, NOW);
    expect(half.seal()).not.toBeNull();
  });

  test('keeps one answer, however often a peer rekeys without acknowledging', () => {
    const half = rekeyedOnce();
    rekeys(half, NOW + 10 * INTERVAL_MS);
    expect(half.rekey.answerAt(NOW + 10 * INTERVAL_MS)).toBe(Number.POSITIVE_INFINITY);
    expect(half.seal()).toBeNull();
    half.outgoing.acknowledge(1, NOW);
    expect(half.rekey.answer(NOW + 10 * INTERVAL_MS)).toBeNull();
    expect(half.seal()).not.toBeNull();
  });

  test('fails on a rekey during another one', () => {
    const half = new Half('responder');
    rekeys(half, NOW);
    const again = provider.x25519PublicKey(new Uint8Array(32).fill(9));
    expect(half.rekey.takeRekey(again, false, NOW)).toMatchObject({ code: 'protocol-error' });
  });
});

describe('an initiator', () => {
  const theirs = provider.x25519PublicKey(new Uint8Array(32).fill(7));

  test('accepts an answer only after its own rekey is sealed', () => {
    const half = new Half('initiator');
    half.rekey.start();
    expect(half.rekey.takeRekey(theirs, false, NOW)).toMatchObject({ code: 'protocol-error' });
    expect(half.keys.epoch).toBe(0);
    expect(half.seal()).not.toBeNull();
    expect(half.rekey.takeRekey(theirs, false, NOW)).toBeNull();
    expect(half.keys.epoch).toBe(0);
    expect(half.seal()).not.toBeNull();
    expect(half.keys.epoch).toBe(1);
  });

  test('accepts one answer', () => {
    const half = new Half('initiator');
    half.rekey.start();
    half.seal();
    expect(half.rekey.takeRekey(theirs, false, NOW)).toBeNull();
    expect(half.rekey.takeRekey(theirs, false, NOW)).toMatchObject({ code: 'protocol-error' });
  });

  test('that has closed derives keys from the answer, and sends nothing', () => {
    const half = new Half('initiator');
    half.rekey.start();
    half.seal();
    expect(half.rekey.takeRekey(theirs, true, NOW)).toBeNull();
    expect(half.seal()).toBeNull();
    half.outgoing.enqueueUrgent(OPCODE.close, new Uint8Array(0));
    expect(half.seal()).not.toBeNull();
    expect(half.keys.epoch).toBe(0);
  });
});

test('a responder that slept between two rekeys fails nothing', () => {
  const world = new World(41);
  world.open();
  const held: (typeof world.queue)[number][] = [];
  world.send(0, 'before');
  world.run();
  world.pass(119_000);
  // All that comes for B waits for it, and its clock stands still.
  world.relay = (flying) => {
    if (flying.to !== 1) return [flying];
    held.push(flying);
    return [];
  };
  world.pass(20_000);
  expect(held.length).toBeGreaterThan(0);
  world.relay = (flying) => [flying];
  world.queue.push(...held);
  world.run();
  for (let round = 0; round < 3; round++) {
    world.send(0, `after ${round}`);
    world.run();
    world.pass(121_000);
  }
  expect(world.end(1).received).toEqual(['before', 'after 0', 'after 1', 'after 2']);
  expect(world.ends.map(({ end }) => end)).toEqual([null, null]);
});
