import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ClientSecureWebSocket, Endpoint, type SecureErrorEvent } from '../src/index.js';
import type { TurnEvents } from '../src/platform/turn.js';
import { EndpointWorld } from './endpoint-world.js';
import { event, newIdentity } from './relay.js';
import { pass } from './virtual-network.js';

// The shell alone, in virtual time: its one timer, its one transport, and the turn among tabs.

/** Whoever waits for a turn; the tests give and take it. */
const turns = vi.hoisted(() => ({ asked: [] as TurnEvents[], free: true }));
vi.mock('#platform', async (original) => ({
  ...(await original<object>()),
  acquireTabLock: (_name: string, events: TurnEvents) => {
    turns.asked.push(events);
    if (turns.free) events.granted();
    return { takeOver() {}, release() {} };
  },
}));

let world: EndpointWorld;

beforeEach(() => {
  world = new EndpointWorld();
  turns.asked = [];
  turns.free = true;
});

afterEach(() => world.stop());

test('an idle connection wakes rarely, and has one timer', async () => {
  const { socket } = await world.pair();
  for (let i = 0; i < 200; i++) {
    socket.send('x');
    await pass(10, 10);
  }
  await pass(1_000);
  // One for each of the two connections, and frames that are still on their way.
  expect(vi.getTimerCount()).toBeLessThanOrEqual(6);
  const set = vi.spyOn(globalThis, 'setTimeout');
  await pass(600_000, 1_000);
  // Ten minutes, two ends: a PING to the relay every 15 s and to the peer every 30 s, with a timer for each hop.
  expect(set.mock.calls.length).toBeLessThan(2_000);
  for (const [, delay = 0] of set.mock.calls) expect(delay).toBeLessThan(2 ** 31);
});

test('frames wait while the transport is full, and continue within 20 ms', async () => {
  const { socket, other } = await world.pair();
  await pass(1_000);
  const received: unknown[] = [];
  other.onmessage = ({ data }) => received.push(data);
  for (const transport of world.network.sockets) transport.bufferedAmount = 2 ** 20;
  socket.send('x');
  await pass(100);
  expect(received).toEqual([]);
  for (const transport of world.network.sockets) transport.bufferedAmount = 2 ** 20 - 1;
  await pass(60, 10);
  expect(received).toEqual(['x']);
});

test('a transport without bufferedAmount, as in Cloudflare Workers, is written to', async () => {
  class Untold extends world.network.WebSocket {}
  Object.defineProperty(Untold.prototype, 'bufferedAmount', { get: () => undefined });
  const made = new Endpoint('ws://localhost/', {
    identity: newIdentity(),
    WebSocket: class extends Untold {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        Reflect.deleteProperty(this, 'bufferedAmount');
      }
    },
  });
  world.endpoints.push(made);
  await pass(500);
  expect(made.state).toBe('registered');
});

test('a connection that was given up is closed, and its later events are ignored', async () => {
  const a = world.endpoint();
  await pass(500);
  const [first] = world.network.sockets;
  expect(first?.readyState).toBe(1);
  world.network.behaviour = 'silent';
  await pass(25_000);
  expect(first?.readyState).toBe(3);
  expect([first?.onmessage, first?.onclose]).toEqual([null, null]);
  world.network.behaviour = 'well';
  await pass(20_000);
  expect(a.state).toBe('registered');
  expect(world.network.sockets.filter(({ readyState }) => readyState === 1)).toHaveLength(1);
});

test('a closing endpoint reports no more connection states', async () => {
  const { a, b, socket } = await world.pair();
  world.network.muted.add((await b.ready).publicKey);
  const states: string[] = [];
  a.addEventListener('state', ({ state }) => states.push(state));
  const closed = a.close({ graceMs: 3_000 });
  world.network.cut();
  await pass(2_000);
  expect(states).toEqual([]);
  await Promise.all([closed, pass(5_000)]);
  expect([states, socket.readyState]).toEqual([['closed'], ClientSecureWebSocket.CLOSED]);
});

test('a tab that loses its turn closes open sockets and fails the others', async () => {
  const { a, b, socket, other } = await world.pair();
  const [mine] = turns.asked;
  const opening = a.connect(newIdentity().publicKey, { waitForPeerMs: 60_000 });
  await pass(200);
  const ends: [string, number][] = [];
  socket.onclose = ({ code }) => ends.push(['open', code]);
  opening.onclose = ({ code }) => ends.push(['opening', code]);
  const failed = event<SecureErrorEvent>(opening, 'error');
  const heard = event<CloseEvent>(other, 'close');
  mine?.waiting('another tab');
  await pass(1_000);
  expect([(await heard).code, (await failed).code]).toEqual([1001, 'replaced']);
  expect(ends.sort()).toEqual([
    ['open', 1006],
    ['opening', 1006],
  ]);
  expect([a.state, b.state]).toEqual(['waiting', 'registered']);
  const dials = world.network.dials.length;
  await pass(30_000);
  expect(world.network.dials.length).toBe(dials);
  mine?.granted();
  await pass(500);
  expect(a.state).toBe('registered');
});

test('a socket opened while another tab has the turn opens once it is granted', async () => {
  const b = world.endpoint();
  await pass(500);
  turns.free = false;
  const socket = world.endpoint().connect((await b.ready).publicKey);
  await pass(5_000);
  expect(socket.readyState).toBe(ClientSecureWebSocket.CONNECTING);
  for (const { granted } of turns.asked.slice(1)) granted();
  await pass(1_000);
  expect(socket.readyState).toBe(ClientSecureWebSocket.OPEN);
});
