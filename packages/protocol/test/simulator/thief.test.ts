import { describe, expect, test } from 'vitest';
import type { Channel } from '../../src/index.js';
import { Clock } from './clock.js';
import { Conversation } from './conversation.js';
import { Peer } from './peer.js';
import { forEachSeed, seeded } from './seeded.js';
import { FORGED, Keys, ThiefRelay } from './thief.js';

const RUNS = 150;
/** Steps of a run: at each a message or two, and forgeries. */
const STEPS = 40;

/** Two peers whose channel's first keys the relay holds. */
function meet(seed: number, rekeyAfterFrames: readonly number[]) {
  const random = seeded(seed);
  const clock = new Clock();
  const keys = new Keys();
  const relay = new ThiefRelay(clock, random, keys);
  const settings = { rekeyAfterFrames: random.pick(rekeyAfterFrames), windowBytes: random.pick([65_536, 1_048_576]) };
  const [a, b] = (['initiator', 'responder'] as const).map((role, index) => {
    const peer = new Peer(clock, relay, seeded(random.below(2 ** 31)), {
      name: `p${index}`,
      provider: keys.providerOf(role),
      settings,
    });
    peer.connect();
    return peer;
  });
  if (a === undefined || b === undefined) throw new Error('two peers');
  clock.pass(1_000);
  return { random, clock, relay, a, b };
}

describe('a relay that holds the keys of epoch 0 and forges under them', () => {
  test('after a rekey it changes nothing: all messages arrive once and in order', () => {
    let dropped = 0;
    forEachSeed(RUNS, (seed) => {
      const { random, clock, relay, a, b } = meet(seed, [4, 20]);
      const talk = new Conversation(clock, 'talk', a, b);
      talk.follow();
      talk.open();
      clock.pass(1_000);
      const says = (): void => {
        for (const end of talk.ends) if (random.chance(0.7)) talk.send(end, `message ${end.sent.length}`);
      };
      for (let step = 0; Math.min(...relay.epochs) === 0; step++) {
        expect(step).toBeLessThan(100);
        says();
        clock.pass(200);
      }
      clock.pass(1_000);
      relay.rate = random.pick([0, 0, 0.1]);
      for (let step = 0; step < STEPS; step++) {
        says();
        for (let times = random.below(4); times > 0; times--) relay.forge();
        clock.pass(random.below(300));
      }
      relay.rate = 0;
      clock.pass(60_000);
      expect(talk.whole).toBe(true);
      for (const end of talk.ends) {
        expect(end.received).toBe(talk.otherOf(end).sent.length);
        expect(end.channel?.bufferedAmount).toBe(0);
        dropped += end.peer.connection.table.counters.notOpened;
      }
    });
    expect(dropped).toBeGreaterThan(RUNS * STEPS);
  });

  test('its forgeries can work until the rekey completes, and not after', () => {
    const seen = { forged: 0, rekeyed: 0, failed: 0 };
    forEachSeed(RUNS, (seed) => {
      const { random, clock, relay, a, b } = meet(seed, [4, 20, 60]);
      const channels = new Set<Channel>();
      for (const peer of [a, b])
        peer.onEvent = (channel, event) => {
          channels.add(channel);
          if (event.type === 'close') seen.failed++;
          if (event.type !== 'message') return;
          if (event.data === FORGED) seen.forged++;
          peer.command(channel, { type: 'delivered' });
        };
      a.open(b);
      clock.pass(1_000);
      const from = random.below(20);
      relay.deafness = random.pick([0, 0.5, 0.9]);
      for (let step = 0; step < STEPS; step++) {
        for (const channel of channels)
          for (const peer of [a, b])
            if (channel.phase === 'open' && (channel.initiator ? a : b) === peer && random.chance(0.5))
              peer.command(channel, { type: 'send', data: `message ${step}` });
        if (step >= from) relay.eager = 0.1;
        clock.pass(random.below(200));
      }
      if (Math.min(...relay.epochs) > 0) seen.rekeyed++;
      clock.pass(200_000);
    });
    // It was believed before, it was kept out after, and some channels came to a bad end.
    for (const times of Object.values(seen)) expect(times, JSON.stringify(seen)).toBeGreaterThan(RUNS / 10);
  });

  test('a rekeyed forged before completion replaces a message: it counts as acknowledged, and DATA stops there', () => {
    const { clock, relay, a, b } = meet(7, [4]);
    const received: unknown[] = [];
    const ended: unknown[] = [];
    for (const peer of [a, b])
      peer.onEvent = (channel, event) => {
        if (event.type === 'close') ended.push(event.end);
        if (event.type !== 'message') return;
        received.push(event.data);
        peer.command(channel, { type: 'delivered' });
      };
    const channel = a.open(b);
    clock.pass(1_000);
    let held = false;
    relay.onAnswer = () => {
      held = true;
    };
    const sent = ['0', '1', '2', '3', '4'];
    for (const text of sent) a.command(channel, { type: 'send', data: text });
    clock.pass(100);
    expect(held).toBe(true);
    // B has answered and waits for `rekeyed`; A has not heard of it, and goes on under the old key.
    relay.forgeRekeyed();
    clock.pass(10);
    a.command(channel, { type: 'send', data: 'instead of which B took rekeyed' });
    a.command(channel, { type: 'send', data: 'behind it' });
    clock.pass(10);
    relay.release();
    clock.pass(300_000);
    expect(received).toEqual(sent);
    // B has keys that only A can have, and A has completed with the same: neither believes the thief from there.
    expect(relay.epochs).toEqual([1, 1]);
    // An acknowledgement is of a place in the stream: the thief's frame had the first message's (PROTOCOL, Security considerations).
    expect(channel.messages).toEqual({ queued: 7, acknowledged: 6 });
    expect(ended).toEqual([]);
  });
});
