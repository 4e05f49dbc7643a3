import { beforeEach, describe, expect, test } from 'vitest';
import { KIND } from '../../src/channel/channel-frame.js';
import { Clock } from '../simulator/clock.js';
import { Conversation } from '../simulator/conversation.js';
import { Peer } from '../simulator/peer.js';
import { Relay } from '../simulator/relay.js';
import { seeded } from '../simulator/seeded.js';
import { toy } from '../simulator/toy-provider.js';

// Virtual time, two processes, the real machines, and a relay that does its duty over a network that does not.

let clock: Clock;
let relay: Relay;
let a: Peer;
let b: Peer;
let talk: Conversation;

beforeEach(() => {
  clock = new Clock();
  relay = new Relay(clock, seeded(1), toy);
  a = new Peer(clock, relay, seeded(2), { name: 'a', provider: toy });
  b = new Peer(clock, relay, seeded(3), { name: 'b', provider: toy, isKnown: () => true });
  talk = new Conversation(clock, 'talk', a, b);
  talk.follow();
  a.connect();
  b.connect();
  clock.pass(100);
  talk.open();
  clock.pass(1_000);
  expect(talk.whole).toBe(true);
});

/** How long `reached` takes to hold, in virtual milliseconds; at most `limitMs`. */
function timeUntil(reached: () => boolean, limitMs: number): number {
  const from = clock.now;
  while (!reached() && clock.now - from < limitMs) clock.pass(10);
  return clock.now - from;
}

const lost = (peer: Peer) => () => peer.state.name !== 'registered';

/** Cuts a peer's connection and waits until it has registered again. */
function cutAndReturn(peer: Peer, closeCode: number): void {
  peer.link?.close(closeCode);
  expect(timeUntil(lost(peer), 1_000)).toBeLessThan(100);
  expect(timeUntil(() => peer.state.name === 'registered', 5_000)).toBeLessThan(2_000);
}

describe('a half-open connection is noticed', () => {
  for (const direction of ['both', 'up', 'down'] as const) {
    test(`idle, within 20 s (${direction} dead)`, () => {
      a.link?.stall(direction);
      expect(timeUntil(lost(a), 60_000)).toBeLessThanOrEqual(20_000);
      expect(talk.initiator.interruptions).toBe(1);
      expect(timeUntil(() => talk.initiator.resumptions === 1, 20_000)).toBeLessThan(15_000);
      expect(talk.whole).toBe(true);
    });

    test(`with unacknowledged data, within 10 s (${direction} dead), and it arrives`, () => {
      a.link?.stall(direction);
      talk.send(talk.initiator, 'into the void');
      expect(timeUntil(lost(a), 60_000)).toBeLessThanOrEqual(10_000);
      expect(timeUntil(() => talk.responder.received === 1, 20_000)).toBeLessThan(15_000);
    });
  }

  test('one that receives and is not received, within 20 s, whatever arrives', () => {
    a.link?.stall('up');
    talk.send(talk.initiator, 'into the void');
    const chatter = () => {
      talk.send(talk.responder, 'still here');
      return lost(a)();
    };
    expect(timeUntil(chatter, 60_000)).toBeLessThanOrEqual(20_000);
    expect(timeUntil(() => talk.responder.received === 1, 20_000)).toBeLessThan(15_000);
  });

  test('at the receiver, within 20 s, and messages sent meanwhile arrive once', () => {
    b.link?.stall();
    for (let i = 0; i < 5; i++) talk.send(talk.initiator, `message ${i}`);
    expect(timeUntil(lost(b), 60_000)).toBeLessThanOrEqual(20_000);
    expect(timeUntil(() => talk.responder.received === 5, 20_000)).toBeLessThan(15_000);
    expect(talk.responder.interruptions).toBe(1);
    clock.pass(5_000);
    expect(talk.initiator.channel?.bufferedAmount).toBe(0);
  });
});

describe('a frozen process sends a PING before it gives anything up', () => {
  test('a frozen tab keeps a connection that is alive', () => {
    a.freeze();
    talk.send(talk.responder, 'while you slept');
    const { link } = a;
    clock.pass(40_000);
    a.thaw();
    clock.pass(10_000);
    expect(a.link).toBe(link);
    expect(talk.initiator.interruptions).toBe(0);
    expect(talk.initiator.received).toBe(1);
  });

  test('a laptop that slept and lost its connection notices within 5 s, and resumes', () => {
    a.freeze();
    a.link?.stall();
    talk.send(talk.responder, 'while you slept');
    clock.pass(30_000);
    a.thaw();
    expect(timeUntil(lost(a), 60_000)).toBeLessThanOrEqual(5_100);
    expect(timeUntil(() => talk.initiator.received === 1, 20_000)).toBeLessThan(15_000);
    expect(talk.whole).toBe(true);
  });

  test('when both sleep for ten minutes, beyond resumeTimeout, no channel is given up', () => {
    for (const peer of [a, b]) peer.freeze();
    clock.pass(600_000);
    for (const peer of [a, b]) peer.thaw();
    talk.send(talk.initiator, 'good morning');
    clock.pass(10_000);
    expect(talk.responder.received).toBe(1);
    expect(talk.whole).toBe(true);
  });
});

describe('a client whose timers come once a minute', () => {
  /** The first peer has lost its connection and sleeps. An acknowledgement was due before the next attempt. */
  function sleepAfterLoss(): void {
    talk.send(talk.responder, 'just before');
    expect(timeUntil(() => talk.initiator.received === 1, 1_000)).toBeLessThan(500);
    a.link?.close(1006);
    expect(timeUntil(lost(a), 1_000)).toBeLessThan(50);
    const { table } = a.connection;
    expect(a.state).toMatchObject({
      name: 'reconnecting',
      retryAtMs: expect.toSatisfy((at) => at > table.nextWakeAtMs),
    });
    a.freeze();
  }

  test('dials at the first of them', () => {
    sleepAfterLoss();
    clock.pass(60_000);
    a.thaw();
    expect(a.state.name).toBe('connecting');
  });

  test('does not dial before the time that a restarting relay has named', () => {
    relay.tell(a.address, { type: 'RESTARTING', reconnectIn: 50_000, spread: 0 });
    sleepAfterLoss();
    clock.pass(20_000);
    a.thaw();
    expect(a.state.name).toBe('reconnecting');
  });
});

describe('a separation ends', () => {
  test('with 1006 after resumeTimeout, not before, for both peers', () => {
    relay.connected = (link) => link.close(1006);
    a.link?.close(1006);
    clock.pass(58_000);
    expect(talk.whole).toBe(true);
    clock.pass(5_000);
    for (const { end } of talk.ends)
      expect(end).toMatchObject({ code: 1006, wasClean: false, failure: { code: 'resume-timeout' } });
  });

  test('at once if the peer’s process restarted: its RESET tells', () => {
    talk.responder.lost = true;
    b.restart();
    expect(timeUntil(() => talk.initiator.end !== null, 60_000)).toBeLessThan(3_000);
    expect(talk.initiator.end).toMatchObject({ code: 1006, failure: { code: 'unknown-channel' } });
  });

  for (const [direction, who] of [
    ['up', 'by the end whose connection broke'],
    ['down', 'to it'],
  ] as const) {
    test(`within a round trip after reconnecting: data sent ${who} and lost in the cut is there`, () => {
      const [from, to] = direction === 'up' ? talk.ends : [talk.responder, talk.initiator];
      for (let i = 0; i < 3; i++) talk.send(from, `lost ${i}`);
      a.link?.stall(direction);
      clock.pass(20);
      cutAndReturn(a, 1006);
      const { framesSent } = a;
      expect(timeUntil(() => to.received === 3, 5_000)).toBeLessThan(100);
      expect(a.framesSent - framesSent).toBeLessThan(12);
      clock.pass(100);
      expect([talk.initiator.interruptions, talk.initiator.resumptions]).toEqual([1, 1]);
    });
  }
});

test('credit from a reader is granted at once: a waiting sender continues within a round trip', () => {
  talk.consumeAfterMs = () => 5_000;
  const message = 'x'.repeat(60_000);
  for (let i = 0; i < 30; i++) talk.send(talk.initiator, message);
  clock.pass(4_900);
  const { received } = talk.responder;
  expect(received).toBeGreaterThan(10);
  expect(received).toBeLessThan(20);
  clock.pass(200);
  expect(talk.responder.received).toBe(30);
});

test('two peers that open to each other and lose every ACCEPT stop sending OPEN', () => {
  const bring = relay.bring.bind(relay);
  relay.bring = (from, to, content) => content[0] === KIND.accept || bring(from, to, content);
  const other = new Conversation(clock, 'other', b, a);
  const later = new Conversation(clock, 'later', a, b);
  b.onEvent = () => {};
  a.onEvent = () => {};
  const before = a.framesSent + b.framesSent;
  other.open();
  later.open();
  clock.pass(10_000);
  expect(a.framesSent + b.framesSent - before).toBeLessThan(60);
});

describe('the relay’s requests', () => {
  test('RESTARTING is followed: the client stays for reconnectIn, reconnects within the spread, and loses nothing', () => {
    const { link } = a;
    relay.tell(a.address, { type: 'RESTARTING', reconnectIn: 2_000, spread: 3_000 });
    clock.pass(1_900);
    talk.send(talk.initiator, 'still here');
    expect(a.link).toBe(link);
    clock.pass(4_000);
    expect(a.link).not.toBe(link);
    expect(a.state.name).toBe('registered');
    expect(talk.responder.received).toBe(1);
    expect(talk.whole).toBe(true);
  });

  test('replaced soon after registering, it tries once more; replaced again, it stays down', () => {
    cutAndReturn(a, 4409);
    clock.pass(100);
    a.link?.close(4409);
    clock.pass(60_000);
    expect(a.state).toMatchObject({ name: 'down', failure: { code: 'replaced' } });
  });

  test('takeOver wins, although the other client tries once more', () => {
    clock.pass(10_000);
    a.link?.close(4409);
    clock.pass(1_000);
    expect(a.state.name).toBe('down');
    a.connect();
    expect(timeUntil(() => a.state.name === 'registered', 5_000)).toBeLessThan(2_000);
    cutAndReturn(a, 4409);
    clock.pass(60_000);
    expect(a.state.name).toBe('registered');
  });

  test('endless PINGs to a client with a stalled transport use no memory', () => {
    const { link } = a;
    link?.stall('up');
    // Their answers would take 2.3 MB.
    for (let i = 0; i < 60_000; i++) {
      if (link !== null) relay.send(link, { type: 'PING', id: 2 ** 52 + i });
      if (i % 1_000 === 0) clock.pass(10);
    }
    clock.pass(100);
    expect(link?.inFlightBytes).toBeLessThan(1_100_000);
    link?.flow();
    clock.pass(1_000);
    expect(talk.whole).toBe(true);
  });
});
