import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClientSecureWebSocket, type ConnectionEvent, type Endpoint, type SecureWebSocket } from '../src/index.js';
import { EndpointWorld } from './endpoint-world.js';
import { event } from './relay.js';
import { KEEPALIVE_S, pass, type VirtualNetwork } from './virtual-network.js';

// The wall clock steps, as when a device boots and then hears the time; `setTimeout` and `performance.now` do not.

const STEPS = [
  ['back by 10 s', -10_000],
  ['back by 2 minutes', -120_000],
  ['back by an hour', -3_600_000],
  ['on by an hour', 3_600_000],
  ['nowhere', 0],
] as const;

let world: EndpointWorld;
let network: VirtualNetwork;

beforeEach(() => {
  world = new EndpointWorld();
  network = world.network;
});

afterEach(async () => {
  network.behaviour = 'unreachable';
  network.cut();
  await world.stop();
});

const endpoint = (): Endpoint => world.endpoint({ resumeTimeoutMs: 20_000 });

function step(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** How many virtual milliseconds pass until `reached` holds; at most `limitMs`. */
async function timeUntil(reached: () => boolean, limitMs: number): Promise<number> {
  const from = performance.now();
  while (!reached() && performance.now() - from < limitMs) await pass(50);
  return performance.now() - from;
}

/** Whether an endpoint has lost its connection since this call: it may dial again at once. */
function watchLoss(watched: Endpoint): () => boolean {
  let lost = false;
  watched.addEventListener('state', ({ state }) => {
    lost ||= state === 'reconnecting';
  });
  return () => lost;
}

/** Two endpoints and a socket between them, open. */
async function pair(): Promise<{ a: Endpoint; b: Endpoint; socket: SecureWebSocket; other: SecureWebSocket }> {
  const [a, b] = [endpoint(), endpoint()];
  await pass(500);
  expect([a.state, b.state]).toEqual(['registered', 'registered']);
  const connection = event<ConnectionEvent>(b, 'connection');
  const socket = a.connect((await b.ready).publicKey);
  await pass(500);
  expect(socket.readyState).toBe(ClientSecureWebSocket.OPEN);
  return { a, b, socket, other: (await connection).socket };
}

describe.each(STEPS)('the wall clock steps %s', (_, ms) => {
  test('while dialling: gives up after 15 s', async () => {
    network.behaviour = 'no-challenge';
    const a = endpoint();
    await pass(1_000);
    const lost = watchLoss(a);
    step(ms);
    const took = await timeUntil(lost, 30_000);
    expect(took).toBeGreaterThan(13_000);
    expect(took).toBeLessThan(15_000);
  });

  test('between two attempts: dials again', async () => {
    network.behaviour = 'unreachable';
    const a = endpoint();
    await pass(5_000);
    step(ms);
    const before = network.dials.length;
    await pass(40_000);
    expect(network.dials.length - before).toBeGreaterThanOrEqual(3);
    network.behaviour = 'well';
    await timeUntil(() => a.state === 'registered', 11_000);
    expect(a.state).toBe('registered');
  });

  test('while registered: notices a silent relay', async () => {
    const a = endpoint();
    await pass(1_000);
    network.behaviour = 'silent';
    const lost = watchLoss(a);
    step(ms);
    const took = await timeUntil(lost, 60_000);
    expect(took).toBeLessThan((KEEPALIVE_S + 6) * 1_000);
  });

  test('while connecting: a silent peer is given up after 45 s', async () => {
    const [a, b] = [endpoint(), endpoint()];
    await pass(500);
    network.muted.add((await b.ready).publicKey);
    const socket = a.connect((await b.ready).publicKey);
    await pass(1_000);
    step(ms);
    const took = await timeUntil(() => socket.readyState === ClientSecureWebSocket.CLOSED, 90_000);
    expect(took).toBeGreaterThan(43_000);
    expect(took).toBeLessThan(46_000);
  });

  test('while a socket is open: it stays open and carries messages', async () => {
    const { a, b, socket, other } = await pair();
    const states: string[] = [];
    for (const one of [a, b]) one.addEventListener('state', ({ state }) => states.push(state));
    const received: unknown[] = [];
    other.onmessage = ({ data }) => received.push(data);
    step(ms);
    for (let i = 0; i < 5; i++) {
      socket.send(`${i}`);
      await pass(20_000);
    }
    expect([received, states, socket.readyState]).toEqual([['0', '1', '2', '3', '4'], [], 1]);
  });

  test.each([
    [
      'while the peer is unreachable: closes after resumeTimeout',
      3_000,
      (socket: SecureWebSocket) => socket.send('are you there?'),
    ],
    ['while closing: waits for the answer for resumeTimeout', 1_000, (socket: SecureWebSocket) => socket.close()],
  ])('%s', async (_title, beforeMs, act) => {
    const { b, socket } = await pair();
    network.muted.add((await b.ready).publicKey);
    act(socket);
    await pass(beforeMs);
    step(ms);
    const took = await timeUntil(() => socket.readyState === ClientSecureWebSocket.CLOSED, 60_000);
    expect(took).toBeGreaterThan(15_000);
    expect(took).toBeLessThan(21_000);
  });
});

test('a device that slept sends a PING at its first timer or call, before it gives up anything', async () => {
  const { a, socket } = await pair();
  network.behaviour = 'silent';
  const lost = watchLoss(a);
  step(600_000);
  expect(a.state).toBe('registered');
  socket.send('after the sleep');
  const took = await timeUntil(lost, 60_000);
  expect(took).toBeGreaterThan(4_000);
  expect(took).toBeLessThan(6_000);
});

describe('a closed endpoint', () => {
  test('does not reconnect if its connection breaks while it lingers', async () => {
    const a = endpoint();
    await pass(500);
    await Promise.all([a.close(), pass(100)]);
    const dials = network.dials.length;
    network.cut();
    await pass(60_000);
    expect(network.dials.length).toBe(dials);
  });

  test.each(['unreachable', 'no-challenge'] as const)('stops dialling a relay that is %s', async (behaviour) => {
    network.behaviour = behaviour;
    const a = endpoint();
    await pass(500);
    await Promise.all([a.close(), pass(100)]);
    const dials = network.dials.length;
    await pass(60_000);
    expect(network.dials.length).toBe(dials);
  });
});
