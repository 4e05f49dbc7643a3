import { naclProvider } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import { KIND } from '../../src/channel/channel-frame.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { Secrets } from './secrets.js';
import { type Flying, World } from './world.js';

/** Longer than every timer: OPEN's 45 s, a half-open channel's 60 s, a tombstone's 60 s. */
const OVER_MS = 200_000;
const [EPHEMERAL_AT, KEM_AT] = [17, 49];

const contentOf = ({ message }: Flying) => message.subarray(MESSAGE_HEAD_BYTES);

/** A relay that changes frames of one kind, at most `times` of them. */
function tampers(world: World, kind: number, change: (content: Uint8Array) => void, times = Infinity): void {
  let left = times;
  world.relay = (flying) => {
    if (contentOf(flying)[0] !== kind || left-- <= 0) return [flying];
    const changed = { ...flying, message: flying.message.slice() };
    change(contentOf(changed));
    return [changed];
  };
}

function loses(world: World, kind: number): void {
  world.relay = (flying) => (contentOf(flying)[0] === kind ? [] : [flying]);
}

function flip(at: number): (content: Uint8Array) => void {
  return (content) => {
    const index = at < 0 ? content.length + at : at;
    content[index] = (content[index] ?? 0) ^ 1;
  };
}

const lowOrder = (content: Uint8Array) => content.fill(0, EPHEMERAL_AT, EPHEMERAL_AT + 32);
/** The first coefficient is not below q. */
const badKey = (content: Uint8Array) => content.fill(0xff, KEM_AT, KEM_AT + 2);

/** The relay's part, and then an attempt. */
function opening(setUp: (world: World) => void): (world: World) => void {
  return (world) => {
    setUp(world);
    world.open();
  };
}

/** Keys change after every few frames. */
function talks(world: World, rounds = 6): void {
  for (let round = 0; round < rounds; round++) {
    for (const index of [0, 1]) world.send(index, `message ${round}`);
    world.run();
    world.pass(100);
  }
}

const PATHS: readonly (readonly [string, (world: World) => void])[] = [
  [
    'a channel with rekeys that closes',
    (world) => {
      world.open();
      talks(world);
      world.close(0, 1000, 'done');
      world.run();
    },
  ],
  [
    'a channel that is given up',
    (world) => {
      world.open();
      talks(world);
      world.command(0, { type: 'terminate', failure: { code: 'aborted', detail: 'given up' } });
      world.run();
    },
  ],
  [
    'a channel that is separated for too long',
    (world) => {
      world.open();
      talks(world);
      for (const { table } of world.ends) table.handleDisconnected(world.now);
    },
  ],
  [
    'a rekey whose answer never comes',
    (world) => {
      world.open();
      world.relay = (flying) => (flying.to === 0 && contentOf(flying)[0] === KIND.data ? [] : [flying]);
      talks(world);
      for (const { table } of world.ends) table.abortAll({ code: 'connection-lost', detail: '' });
    },
  ],
  [
    'a rekey that is not completed',
    (world) => {
      world.open();
      world.relay = (flying) => (flying.to === 1 && (contentOf(flying)[24] ?? 0) > 3 ? [] : [flying]);
      talks(world);
      world.pass(70_000);
    },
  ],
  ['an OPEN that nobody answers', opening((world) => loses(world, KIND.accept))],
  [
    'an attempt that goes on under another channelId',
    (world) => {
      loses(world, KIND.accept);
      const peer = world.end(1).identity.publicKeyBytes();
      world.end(0).table.open(peer, { resource: '/', protocols: [], waitUntilMs: world.now + 90_000 }, world.now);
      world.run();
    },
  ],
  [
    'an attempt that the relay refuses',
    (world) => {
      world.relay = () => [];
      const channel = world.open();
      channel.handle({ type: 'undeliverable', code: 'offline', seq: null }, world.now);
    },
  ],
  ['a half-open channel whose initiator is silent', opening((world) => loses(world, KIND.control))],
  ['an OPEN with one bit of its box changed', opening((world) => tampers(world, KIND.open, flip(-1)))],
  ['an OPEN with a low-order key', opening((world) => tampers(world, KIND.open, lowOrder))],
  ['an OPEN whose ML-KEM key is malformed', opening((world) => tampers(world, KIND.open, badKey))],
  ['an ACCEPT with one bit of its box changed', opening((world) => tampers(world, KIND.accept, flip(-1), 1))],
  ['an ACCEPT with a low-order key', opening((world) => tampers(world, KIND.accept, lowOrder, 1))],
  ['an ACCEPT with another ciphertext', opening((world) => tampers(world, KIND.accept, flip(KEM_AT + 9), 1))],
];

const POLICIES: readonly (readonly [string, () => boolean])[] = [
  ['refuses', () => false],
  [
    'throws',
    () => {
      throw new Error('a policy of the application');
    },
  ],
];

describe('secrets are erased after use', () => {
  test.each(PATHS)('%s', (_, path) => {
    const secrets = new Secrets();
    const world = new World(31, { rekeyAfterFrames: 4 }, () => true, secrets);
    path(world);
    world.pass(OVER_MS);
    for (const { table } of world.ends) {
      table.abortAll({ code: 'going-away', detail: '' });
      expect(table.size).toBe(0);
    }
    expect(secrets.count).toBeGreaterThan(4);
    expect(secrets.left()).toEqual([]);
  });

  test.each(POLICIES)('an accept policy that %s', (name, policy) => {
    const secrets = new Secrets();
    const world = new World(32, {}, policy, secrets);
    if (name === 'throws') expect(() => world.open()).toThrow(/a policy/);
    else world.open();
    world.end(0).table.abortAll({ code: 'going-away', detail: '' });
    expect(secrets.left()).toEqual([]);
  });

  test('a rekey with a low-order key', () => {
    // The ends' public keys are zeros from here on, as a hostile peer's may be.
    let hostile = false;
    const secrets = new Secrets({
      ...naclProvider,
      x25519PublicKey: (secret) => (hostile ? new Uint8Array(32) : naclProvider.x25519PublicKey(secret)),
    });
    const world = new World(33, { rekeyAfterFrames: 4 }, () => true, secrets);
    world.open();
    hostile = true;
    talks(world, 2);
    expect(world.end(1).end).toMatchObject({ end: { failure: { code: 'protocol-error' } } });
    world.pass(OVER_MS);
    expect(secrets.left()).toEqual([]);
  });

  test('the search finds every kind of secret; a live channel holds only its keys', () => {
    const secrets = new Secrets();
    const world = new World(34, { rekeyAfterFrames: 4 }, () => true, secrets);
    world.open();
    talks(world);
    expect(secrets.kinds).toEqual(new Set(['random', 'DH', 'K', 'decapsulation key', 'ikm', 'derived', 'key', 'root']));
    // The channel lives: its keys are there, and what the handshake used is not.
    expect(new Set(secrets.left())).toEqual(new Set(['key']));
  });
});
