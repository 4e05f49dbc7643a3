import { expect, test } from 'vitest';
import { FarLinks } from './far-links/carry.js';
import type { Way } from './far-links/client.js';

const MBIT = 125_000;
const ROUND_TRIPS = 200;

/** The slowest but one in a hundred of the round trips of 64 bytes, in ms, with or without bulk on another channel. */
function roundTripP99(way: Way, bulkBytes: number): number {
  const links = new FarLinks();
  const { clock } = links;
  const [sender, receiver] = [links.client(way), links.client(way)];
  const [bulk, small] = [sender.open(receiver), sender.open(receiver)];
  clock.run(5_000, () => receiver.opened.length === 2);
  receiver.hear = (channel, data) => {
    if (data.length === 64) receiver.send(channel, new Uint8Array(64));
  };
  const times: number[] = [];
  let askedAt = 0;
  const ask = (): void => {
    askedAt = clock.now;
    sender.send(small, new Uint8Array(64));
  };
  sender.hear = () => {
    times.push(clock.now - askedAt);
    if (times.length < ROUND_TRIPS) ask();
  };
  const message = new Uint8Array(61_440);
  if (bulkBytes > 0) sender.send(bulk, ...Array(Math.ceil(bulkBytes / message.length)).fill(message));
  // The start of bulk is over by then.
  clock.run(bulkBytes > 0 ? 5_000 : 0);
  ask();
  clock.run(120_000, () => times.length === ROUND_TRIPS);
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

test('at 100 Mbit/s and 100 ms, a small message beside bulk data takes at most 1.5 times as long as on an empty link', () => {
  const way = { up: 100 * MBIT, down: 100 * MBIT, delayMs: 25 };
  const empty = roundTripP99(way, 0);
  expect(empty).toBeGreaterThanOrEqual(100);
  expect(roundTripP99(way, 500e6) / empty).toBeLessThanOrEqual(1.5);
});
