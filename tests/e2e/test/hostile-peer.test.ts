import { ClientSecureWebSocket, Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { type HostileChannel, HostileClient } from '@sws/testing/hostile-client';
import { afterEach, beforeEach, expect, test } from 'vitest';

// A client written from PROTOCOL.md with valid keys and no manners, against the built endpoint over a real relay.

const MIB = 1_048_576;
const FRAGMENT = new Uint8Array(61_440);
const BINARY = 2;
const CONTINUATION = 0;
let relay: Relay;
let victim: Endpoint;
let received: unknown[];
let clients: HostileClient[];

beforeEach(async () => {
  relay = await startRelay({
    port: 0,
    chat: false,
    limits: { messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 },
  });
  received = [];
  clients = [];
  victim = new Endpoint(relay.url, { identity: Identity.generate(randomBytes), maxMemoryBytes: 16 * MIB });
  victim.addEventListener('connection', ({ socket }) => {
    socket.addEventListener('message', ({ data }) => received.push(data));
  });
  await victim.ready;
  while (victim.state !== 'registered')
    await new Promise((resolve) => victim.addEventListener('state', resolve, { once: true }));
});
afterEach(async () => {
  for (const client of clients) client.close();
  await victim.close({ graceMs: 0 });
  await relay.close();
});

async function attacker(): Promise<HostileClient> {
  const client = await HostileClient.connect(relay.url, victim.address ?? '');
  clients.push(client);
  return client;
}

async function open(client: HostileClient): Promise<HostileChannel> {
  const channel = await client.open();
  if (channel === null) throw new Error('no ACCEPT came');
  return channel;
}

/** A peer that keeps to the rules is served. */
async function servesAnother(): Promise<void> {
  const url = `${relay.url}${victim.address}`;
  const socket = new ClientSecureWebSocket(url, [], { identity: Identity.generate(randomBytes, nodeProvider) });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  socket.send('hello');
  await socket.delivered();
  socket.close();
  expect(received).toContain('hello');
}

test('125,000 empty fragments close only their channel', async () => {
  const channel = await open(await attacker());
  for (let i = 0; i < 125_000; i++) channel.data(i === 0 ? BINARY : CONTINUATION, new Uint8Array(0));
  await expect.poll(() => channel.closed).toBe(true);
  await servesAnother();
});

test('partial messages on many channels stay within the budget, and others are served', async () => {
  const channels: HostileChannel[] = [];
  for (let keys = 0; keys < 3; keys++) {
    const client = await attacker();
    for (let i = 0; i < 10; i++) channels.push(await open(client));
  }
  const sent = channels.map(() => 0);
  let moved = performance.now();
  // Until no channel has had credit for a second: each is a message that never ends.
  while (performance.now() - moved < 1_000) {
    for (const [index, channel] of channels.entries())
      while (channel.charged + FRAGMENT.length + 101 <= channel.limit && (sent[index] ?? 0) < 270) {
        channel.data(sent[index] === 0 ? BINARY : CONTINUATION, FRAGMENT);
        sent[index] = (sent[index] ?? 0) + 1;
        moved = performance.now();
      }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const total = sent.reduce((sum, one) => sum + one * FRAGMENT.length, 0);
  // Strangers have half of 16 MiB, half of it for messages; their windows; and one message may finish.
  expect(total).toBeLessThan((4 + 30 / 16 + 16) * MIB);
  expect(channels.some(({ closed }) => closed)).toBe(false);
  await servesAnother();
});
