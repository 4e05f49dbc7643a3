// PROTOCOL §4, DATA: which messages share a frame. What a receiver makes of one is in limits/incoming.test.ts.
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { expect, test } from 'vitest';
import { ChannelKeys } from '../../src/channel/channel-keys.js';
import { OPCODE } from '../../src/channel/data.js';
import { Flight } from '../../src/channel/flight.js';
import { Outgoing } from '../../src/channel/outgoing.js';
import { World } from './world.js';

const NOW = 1_000;
const MIB = 1_048_576;
/** Beside the items: the head of MESSAGE and DATA, and the tag. */
const OVERHEAD_BYTES = 33 + 25 + 16;

/** The sending half of a channel that may send `credit`, without padding. */
function sender(credit = MIB, flight = new Flight()) {
  const own = Identity.fromSeed(new Uint8Array(32).fill(1));
  const peer = Identity.fromSeed(new Uint8Array(32).fill(2)).publicKeyBytes();
  const id = new Uint8Array(16);
  const keys = new ChannelKeys(nodeProvider, own, peer, id, 'initiator', new Uint8Array(64), new Uint8Array(160));
  const outgoing = new Outgoing('none', flight);
  outgoing.grant(credit);
  const enqueue = (...sizes: number[]): void => {
    for (const size of sizes) outgoing.enqueue(new Uint8Array(size));
  };
  /** How many bytes the items of each frame have that may go now. */
  const frames = (): number[] => {
    const sizes: number[] = [];
    for (let frame = outgoing.next(keys, NOW); frame !== null; frame = outgoing.next(keys, NOW))
      sizes.push(frame.length - OVERHEAD_BYTES);
    return sizes;
  };
  return { outgoing, enqueue, frames };
}

test('at most 16 messages share a frame', () => {
  const { enqueue, frames } = sender();
  enqueue(...new Array(35).fill(10));
  expect(frames()).toEqual([16 * 15, 16 * 15, 3 * 15]);
});

test('messages that wait share a frame of at most 61,440 bytes', () => {
  const { enqueue, frames } = sender();
  enqueue(1, 2, 3);
  expect(frames()).toEqual([3 * 5 + 6]);
  enqueue(61_435);
  expect(frames()).toEqual([61_440]);
  enqueue(30_000, 31_430, 0);
  expect(frames()).toEqual([61_440, 5]);
  enqueue(30_000, 31_431);
  expect(frames()).toEqual([30_005, 31_436]);
});

test('a message alone goes alone', () => {
  const { enqueue, frames } = sender();
  for (const size of [0, 5, 1_000]) {
    enqueue(size);
    expect(frames()).toEqual([5 + size]);
  }
});

test('fragments, a close and what the channel itself sends have frames of their own', () => {
  const { outgoing, enqueue, frames } = sender();
  enqueue(1, 100_000, 1, 2);
  outgoing.enqueueUrgent(OPCODE.rekey, new Uint8Array(32));
  outgoing.enqueueClose(new Uint8Array(2));
  // The last fragment of a message does not take the messages behind it along.
  expect(frames()).toEqual([5 + 32, 5 + 1, 61_440, 5 + 38_565, 2 * 5 + 3, 5 + 2]);
});

test('the peer’s credit covers each message of a frame: its bytes and 96', () => {
  const charge = 5 + 10 + 96;
  const { outgoing, enqueue, frames } = sender(3 * charge);
  enqueue(10, 10, 10, 10, 10);
  expect(frames()).toEqual([3 * 15]);
  outgoing.grant(5 * charge - 1);
  expect(frames()).toEqual([15]);
  outgoing.grant(5 * charge);
  expect(frames()).toEqual([15]);
});

test('a frame has no more messages than may be in flight', () => {
  const flight = new Flight();
  const { enqueue, frames } = sender(2 * MIB, flight);
  flight.sent(flight.allowanceBytes - 10_000, NOW);
  enqueue(...new Array(20).fill(1_000));
  const sent = frames();
  expect(sent[0]).toBe(9 * 1_005);
  // What goes beside it is what a channel with few bytes in flight may always send.
  expect(flight.bytes).toBeLessThanOrEqual(flight.allowanceBytes + 4_096);
});

test('acknowledging a frame acknowledges each of its messages, and their bytes', () => {
  const { outgoing, enqueue, frames } = sender();
  enqueue(1, 2, 3);
  frames();
  enqueue(100_000, 4);
  frames();
  expect([outgoing.bufferedAmount, outgoing.messagesAcknowledged]).toEqual([100_010, 0]);
  outgoing.acknowledge(1, NOW);
  expect([outgoing.bufferedAmount, outgoing.messagesAcknowledged]).toEqual([100_004, 3]);
  outgoing.acknowledge(2, NOW);
  expect([outgoing.bufferedAmount, outgoing.messagesAcknowledged]).toEqual([38_569, 3]);
  outgoing.acknowledge(4, NOW);
  expect([outgoing.bufferedAmount, outgoing.messagesAcknowledged]).toEqual([0, 5]);
});

test('a thousand messages in one turn arrive in order, in a few frames, and a lost frame comes again whole', () => {
  const world = new World(5);
  world.open();
  let frames = 0;
  world.relay = (flying) => {
    if (flying.to !== 1 || flying.message.length < 1_000) return [flying];
    frames++;
    return frames === 1 ? [] : [flying];
  };
  const messages = Array.from({ length: 1_000 }, (_, i) => (i % 3 === 0 ? `${i}` : new Uint8Array(i).fill(i)));
  for (const message of messages) world.send(0, message);
  world.run();
  world.pass(5_000);
  expect(world.end(1).received).toEqual(messages);
  // 16 messages each, and some of them twice.
  expect(frames).toBeLessThanOrEqual(140);
  expect(world.end(0).channel?.bufferedAmount).toBe(0);
  expect(world.end(0).channel?.messages).toEqual({ queued: 1_000, acknowledged: 1_000 });
});
