// Arrays of acknowledged frames serve the next frames, and nothing else is overwritten.
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { expect, test } from 'vitest';
import { ChannelKeys } from '../../src/channel/channel-keys.js';
import { Flight } from '../../src/channel/flight.js';
import { Outgoing } from '../../src/channel/outgoing.js';

const NOW = 1_000;
const KIB = 1_024;

function sender() {
  const own = Identity.fromSeed(new Uint8Array(32).fill(1));
  const peer = Identity.fromSeed(new Uint8Array(32).fill(2)).publicKeyBytes();
  const id = new Uint8Array(16);
  const keys = new ChannelKeys(nodeProvider, own, peer, id, 'initiator', new Uint8Array(64), new Uint8Array(160));
  const outgoing = new Outgoing('none', new Flight());
  outgoing.grant(1_000 * KIB);
  const send = (bytes: number): Uint8Array => {
    outgoing.enqueue(new Uint8Array(bytes));
    const frame = outgoing.next(keys, NOW);
    if (frame === null) throw new Error('nothing may be sent');
    return frame;
  };
  return { outgoing, send };
}

test('frames are sealed into the arrays of acknowledged ones', () => {
  const { outgoing, send } = sender();
  const [first, second, third] = [send(KIB), send(KIB), send(KIB)];
  const kept = third.slice();
  outgoing.acknowledge(1, NOW);
  expect(send(KIB)).toBe(first);
  expect(send(KIB)).not.toBe(second);
  expect(third).toEqual(kept);
});

test('frames that wait for their acknowledgement are sent again as they were', () => {
  const { outgoing, send } = sender();
  const sent = Array.from({ length: 8 }, () => send(KIB).slice());
  outgoing.acknowledge(3, NOW);
  for (let frame = 0; frame < 5; frame++) send(KIB);
  expect(sent.slice(3).map((_, at) => outgoing.retainedMessage(3 + at))).toEqual(sent.slice(3));
});

test('keeps no more than is on its way, and nothing once all has arrived', () => {
  const { outgoing, send } = sender();
  const sent = Array.from({ length: 6 }, () => send(KIB));
  outgoing.acknowledge(4, NOW);
  const next = [send(KIB), send(KIB), send(KIB)];
  expect(next.map((frame) => sent.indexOf(frame))).toEqual([1, 0, -1]);
  outgoing.acknowledge(9, NOW);
  expect([...sent, ...next]).not.toContain(send(KIB));
});

test('an array of another length is dropped', () => {
  const { outgoing, send } = sender();
  const first = send(KIB);
  send(KIB);
  outgoing.acknowledge(1, NOW);
  expect(send(KIB - 100)).toHaveLength(first.length - 100);
  expect(send(KIB)).not.toBe(first);
});
