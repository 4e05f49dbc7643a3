import { nodeProvider } from '@sws/crypto/node';
import { describe, expect, test } from 'vitest';
import { KIND, parseChannelFrame } from '../../src/channel/channel-frame.js';
import { RESET_CODE, sealReset } from '../../src/channel/reset.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { World } from './world.js';

test('a channel opens, carries text and bytes both ways, and closes with code and reason', () => {
  const world = new World(1, {}, () => ({ protocol: 'b' }));
  const channel = world.open('/room?x=1', ['a', 'b']);
  expect(channel.protocol).toBe('b');
  expect(world.end(1).channel).toMatchObject({ resource: '/room?x=1', protocol: 'b', initiator: false });
  world.send(0, 'hello 👋');
  world.send(0, new Uint8Array([1, 2, 3]));
  world.run();
  world.send(1, '');
  world.run();
  expect(world.end(1).received).toEqual(['hello 👋', new Uint8Array([1, 2, 3])]);
  expect(world.end(0).received).toEqual(['']);
  world.pass(100);
  expect(channel.bufferedAmount).toBe(0);
  world.close(0, 4321, 'bye');
  world.run();
  expect(world.end(1).end).toMatchObject({ end: { code: 4321, reason: 'bye', wasClean: true } });
  expect(world.end(0).end).toMatchObject({ end: { code: 4321, reason: 'bye', wasClean: true } });
  world.pass(70_000);
  expect([world.end(0).table.size, world.end(1).table.size]).toEqual([0, 0]);
});

test('an endpoint acknowledges before it closes, so the peer knows what arrived', () => {
  const world = new World(11);
  const channel = world.open();
  world.send(1, 'taken before the close');
  world.run();
  world.close(0, 1000, '');
  world.run();
  expect(world.end(1).end).toMatchObject({ end: { code: 1000, wasClean: true } });
  expect(world.end(1).bufferedAtClose).toBe(0);
  expect(channel.phase).toBe('tombstone');
});

test('an answer comes after an acknowledgement, 8 times a second: bufferedAmount has fallen by then', () => {
  const world = new World(12);
  const channel = world.open();
  world.run();
  const ask = (): number => {
    world.send(0, 'question');
    world.run();
    world.send(1, 'answer');
    world.run();
    return channel.bufferedAmount;
  };
  expect(Array.from({ length: 8 }, ask)).toEqual(Array(8).fill(0));
  expect(ask()).toBe('question'.length);
  world.pass(50);
  expect(channel.bufferedAmount).toBe(0);
  world.pass(1_000);
  expect(ask()).toBe(0);
  expect(world.end(0).received).toHaveLength(10);
});

test('a message of many fragments arrives whole, and one over maxMessageBytes fails with 1009', () => {
  const world = new World(2, { maxMessageBytes: 3_000_000 });
  world.open();
  const large = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 31) & 255);
  world.send(0, large);
  world.run();
  world.pass(1_000);
  // Not toEqual: comparing element by element takes seconds.
  expect(Buffer.compare(Buffer.from(world.end(1).received[0] as Uint8Array), Buffer.from(large))).toBe(0);
  world.send(0, new Uint8Array(3_000_001));
  world.run();
  world.pass(1_000);
  expect(world.end(1).end).toMatchObject({
    end: { code: 1006, wasClean: false, failure: { code: 'message-too-large' } },
  });
  expect(world.end(0).end).toMatchObject({ end: { code: 1009, wasClean: true } });
});

test('a reader that does not read stops the sender at the window', () => {
  const world = new World(3, { windowBytes: 65_536 });
  world.open();
  world.end(1).consume = false;
  for (let i = 0; i < 500; i++) world.send(0, new Uint8Array(1_000).fill(i & 255));
  world.run();
  world.pass(5_000);
  const waiting = world.end(1).received.length;
  expect(waiting).toBeGreaterThan(10);
  expect(waiting).toBeLessThan(66);
  const end = world.end(1);
  end.consume = true;
  for (let i = 0; i < waiting; i++) world.command(1, { type: 'delivered' });
  world.run();
  world.pass(5_000);
  expect(end.received).toHaveLength(500);
});

describe('after close-timeout', () => {
  /** One end's close waits behind messages that have no credit, and its application was told close-timeout. */
  function timedOut(): { world: World; delivered: (count: number) => void } {
    const world = new World(3, { windowBytes: 65_536 });
    world.open();
    world.end(1).consume = false;
    for (let i = 0; i < 500; i++) world.send(0, new Uint8Array(1_000).fill(i & 255));
    world.close(0, 4000, 'done');
    world.run();
    world.pass(60_000);
    expect(world.end(0).end).toMatchObject({ end: { code: 1006, failure: { code: 'close-timeout' } } });
    expect(world.end(1).end).toBeNull();
    const delivered = (count: number): void => {
      for (let i = 0; i < count; i++) world.command(1, { type: 'delivered' });
    };
    return { world, delivered };
  }

  test('messages and the close that wait for credit still go out, in order', () => {
    const { world, delivered } = timedOut();
    const end = world.end(1);
    end.consume = true;
    delivered(end.received.length);
    world.run();
    world.pass(5_000);
    expect(end.received).toHaveLength(500);
    expect(end.end).toMatchObject({ end: { code: 4000, reason: 'done', wasClean: true } });
  });

  test("the peer's close is answered at once, in place of what waits", () => {
    const { world } = timedOut();
    world.close(1, 4001, 'enough');
    world.run();
    expect(world.end(1).end).toMatchObject({ end: { code: 4001, reason: 'enough', wasClean: true } });
  });
});

test('a refused OPEN and a restarted peer end the channel by RESET, as 1006', () => {
  const refusing = new World(4, {}, () => false);
  refusing.open();
  expect(refusing.end(0).end).toMatchObject({ end: { code: 1006, wasClean: false, failure: { code: 'refused' } } });
  const world = new World(5);
  world.open();
  const restarted = new World(5);
  world.end(1).table = restarted.end(1).table;
  // The new process holds the same identity (same seed) and knows no channel.
  restarted.relay = ({ to, message }) => {
    if (to === 0)
      world
        .end(0)
        .table.handleMessage(
          world.end(1).identity.publicKeyBytes(),
          message.subarray(MESSAGE_HEAD_BYTES).slice(),
          world.now,
        );
    return [];
  };
  world.send(0, 'anyone?');
  world.run();
  restarted.run();
  expect(world.end(0).end).toMatchObject({ end: { code: 1006, failure: { code: 'unknown-channel' } } });
});

test('ping asks for a sign of life, and terminate tells the peer at once', () => {
  const world = new World(13);
  world.open();
  world.command(0, { type: 'ping' });
  world.run();
  expect(world.end(0).events).toContain('pong');
  world.command(0, { type: 'terminate', failure: { code: 'aborted', detail: 'given up' } });
  world.run();
  expect(world.end(0).end).toMatchObject({ end: { code: 1006, failure: { code: 'aborted' } } });
  expect(world.end(1).end).toMatchObject({ end: { code: 1006, failure: { code: 'unknown-channel' } } });
});

test('close() works with an infinite resume timeout', () => {
  const world = new World(17, { resumeTimeoutMs: Number.POSITIVE_INFINITY });
  world.open();
  world.end(0).table.handleDisconnected(world.now);
  world.close(0, 4000, 'once');
  world.close(0, 4001, 'twice');
  expect(() => world.send(0, 'late')).toThrow(/closing or closed/);
  world.end(0).table.handleConnected(world.now);
  world.run();
  expect(world.end(1).end).toMatchObject({ end: { code: 4000, reason: 'once', wasClean: true } });
  expect(world.end(0).end).toMatchObject({ end: { code: 4000, reason: 'once', wasClean: true } });
});

test('a RESET counts only if it names a pending frame', () => {
  const world = new World(10);
  const channel = world.open();
  world.send(0, 'taken');
  world.run();
  world.pass(200);
  const [a, b] = [world.end(0), world.end(1)];
  const [self, peer] = [b.identity.publicKeyBytes(), a.identity.publicKeyBytes()];
  const keys = { sharedStatic: b.identity.dh(peer), self, peer };
  const reset = (provoking: Uint8Array) => {
    const frame = parseChannelFrame(provoking);
    if (frame === null || frame.kind === 'reset') throw new Error('a frame that earns no RESET');
    const message = sealReset(nodeProvider, keys, frame, RESET_CODE.unknownChannel, new Uint8Array(24));
    return message.subarray(MESSAGE_HEAD_BYTES);
  };
  const forged = new Uint8Array(100);
  forged[0] = KIND.data;
  forged.set(channel.channelId, 1);
  a.table.handleMessage(self, reset(forged), world.now);
  world.tell();
  expect(a.end).toBeNull();
  world.send(0, 'pending');
  const pending = a.table.pollFrame(world.now);
  if (pending === null) throw new Error('nothing was sent');
  a.table.handleMessage(self, reset(pending.subarray(MESSAGE_HEAD_BYTES)), world.now);
  world.tell();
  expect(a.end).toMatchObject({ end: { code: 1006, failure: { code: 'unknown-channel' } } });
});

test('closed channels do not use up the channels to a peer, and open ones are never given up', {
  timeout: 60_000,
}, () => {
  const world = new World(12);
  const opened = () => {
    const channel = world.open();
    // The rate of handshakes is limited too.
    world.pass(40);
    return channel;
  };
  const open = Array.from({ length: 253 }, opened);
  for (let i = 0; i < 3; i++) {
    const closed = opened();
    world.end(0).table.handleCommand(closed, { type: 'close', code: 1000, reason: '' }, world.now);
    world.run();
    expect(closed.phase).toBe('tombstone');
  }
  expect([world.end(0).table.size, world.end(1).table.size]).toEqual([256, 256]);
  open.push(opened(), opened(), opened());
  expect([world.end(0).table.size, world.end(1).table.size]).toEqual([256, 256]);
  expect(() => world.open()).toThrow(expect.objectContaining({ code: 'over-limits' }));
  expect(new Set(open.map(({ phase }) => phase))).toEqual(new Set(['open']));
});

test('a channel opens without a subprotocol if the responder chooses none', () => {
  const world = new World(6);
  const channel = world.open('/', ['chat', 'files']);
  expect([channel.phase, channel.protocol]).toEqual(['open', '']);
  expect(world.end(1).channel?.protocols).toEqual(['chat', 'files']);
});

test('a channel to your own address is refused', () => {
  const world = new World(6);
  const { table, identity } = world.end(0);
  expect(() =>
    table.open(identity.publicKeyBytes(), { resource: '/', protocols: [], waitUntilMs: 0 }, world.now),
  ).toThrow(expect.objectContaining({ code: 'own-address' }));
});

describe('keys change with traffic both ways, and nothing is lost', () => {
  /** The highest epoch that any CONTROL was sealed under: rekeys completed. */
  function watchEpoch(world: World): () => number {
    let epoch = 0;
    world.relay = (flying) => {
      const content = flying.message.subarray(MESSAGE_HEAD_BYTES);
      if (content[0] === KIND.control) epoch = Math.max(epoch, content[20] ?? 0);
      return [flying];
    };
    return () => epoch;
  }

  test('after 120 s', () => {
    const world = new World(7);
    const epoch = watchEpoch(world);
    world.open();
    for (let round = 0; round < 10; round++) {
      world.send(0, `a${round}`);
      world.send(1, `b${round}`);
      world.run();
      world.pass(60_000);
    }
    expect(world.end(1).received).toEqual(Array.from({ length: 10 }, (_, i) => `a${i}`));
    expect(world.end(0).received).toEqual(Array.from({ length: 10 }, (_, i) => `b${i}`));
    expect(world.end(0).events).not.toContain('close');
    expect(epoch()).toBeGreaterThanOrEqual(3);
  });

  test('after 2^16 frames', { timeout: 60_000 }, () => {
    const world = new World(12);
    const epoch = watchEpoch(world);
    world.open();
    for (let sent = 0; sent < 70_000; sent += 1_000) {
      for (let i = 0; i < 1_000; i += 2) {
        world.send(0, `${sent + i}`);
        world.send(1, `${sent + i + 1}`);
        // Each has a frame of its own.
        world.run();
      }
      world.pass(60);
    }
    for (const index of [0, 1]) {
      const expected = Array.from({ length: 35_000 }, (_, i) => `${2 * i + (1 - index)}`);
      expect(world.end(index).received.join()).toBe(expected.join());
    }
    expect(epoch()).toBe(1);
  });
});

test('a cut is resumed without loss or repeats; one longer than resumeTimeout ends with 1006', () => {
  const world = new World(8);
  world.open();
  world.relay = () => [];
  world.send(0, 'in the dark');
  world.run();
  for (const { table } of world.ends) table.handleDisconnected(world.now);
  world.pass(20_000);
  world.queue = [];
  world.relay = (flying) => [flying];
  for (const { table } of world.ends) table.handleConnected(world.now);
  world.run();
  world.pass(5_000);
  expect(world.end(1).received).toEqual(['in the dark']);
  expect(world.end(0).events).toContain('interrupted');
  expect(world.end(0).events).toContain('resumed');
  for (const { table } of world.ends) table.handleDisconnected(world.now);
  world.pass(61_000);
  expect(world.end(0).end).toMatchObject({ end: { code: 1006, failure: { code: 'resume-timeout' } } });
});
