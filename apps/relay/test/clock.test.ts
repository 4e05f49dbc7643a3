import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { RawClient } from '@sws/testing/raw-client';
import { afterEach, expect, test, vi } from 'vitest';
import { type Relay, startRelay } from '../src/index.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
let relay: Relay | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await relay?.close();
});

test.each([
  ['back by 10 s', -10 * SECOND],
  ['back by 2 min', -120 * SECOND],
  ['back by an hour', -HOUR],
  ['forward by an hour', HOUR],
])('the wall clock steps %s under load: senders keep their rate', async (_, step) => {
  relay = await startRelay({
    port: 0,
    chat: false,
    limits: { messagesPerSecond: 500 },
    addressLimits: { messagesPerSecond: 500 },
  });
  const [sender, receiver] = [0, 1].map(() => Identity.generate(randomBytes, nodeProvider));
  if (sender === undefined || receiver === undefined) throw new Error('no identities');
  const url = `ws://127.0.0.1:${relay.port}/`;
  const [from, to] = [await RawClient.connect(url, sender), await RawClient.connect(url, receiver)];
  let [arrived, closed] = [0, 0];
  to.onmessage = () => arrived++;
  from.onclose = to.onclose = () => closed++;
  // Only what the wall clock says is false; timers and the monotonic clock go on.
  vi.useFakeTimers({ toFake: ['Date'] });
  // 1,000 at once and 500 a second: the sender is over its rate for a second, and the clock steps meanwhile.
  const send = (count: number): void => {
    for (let i = 0; i < count; i++) from.send(receiver.publicKey, new Uint8Array(10));
  };
  const began = performance.now();
  send(1_500);
  await expect.poll(() => arrived, { timeout: 10_000 }).toBeGreaterThan(900);
  vi.setSystemTime(Date.now() + step);
  await expect.poll(() => arrived, { timeout: 10_000 }).toBe(1_500);
  send(500);
  await expect.poll(() => arrived, { timeout: 10_000 }).toBe(2_000);
  // The last 500 were sent once 1,500 had been counted: none is read before that is within the rate.
  expect(performance.now() - began).toBeGreaterThan(1_000);
  const late = await RawClient.connect(url, Identity.generate(randomBytes, nodeProvider));
  expect([closed, relay.size]).toEqual([0, 3]);
  for (const { socket } of [from, to, late]) socket.terminate();
});
