// An endpoint and its sockets in virtual time: what the tests over a real relay do not come to.
import { type Identity, memoryStore } from '@sws/crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  defaultIdentity,
  defaultKeyStore,
  Endpoint,
  type SecureErrorEvent,
  type StateEvent,
} from '../src/index.js';
import type { TurnEvents } from '../src/platform/turn.js';
import { channelSocketOf } from '../src/secure-web-socket.js';
import { EndpointWorld } from './endpoint-world.js';
import { event, newIdentity } from './relay.js';
import { pass } from './virtual-network.js';

/** The platform's parts that the tests give and take. */
const platform = vi.hoisted(() => ({
  store: undefined as unknown,
  turn: 'free' as 'free' | 'queued',
  granted: [] as (() => void)[],
  takenOver: 0,
}));
vi.mock('#platform', async (original) => ({
  ...(await original<object>()),
  defaultStore: () => platform.store,
  acquireTabLock: (_name: string, events: TurnEvents) => {
    platform.granted.push(events.granted);
    if (platform.turn === 'free') events.granted();
    const takeOver = () => {
      platform.takenOver++;
      events.granted();
    };
    return { takeOver, release() {} };
  },
}));

let world: EndpointWorld;
beforeEach(() => {
  world = new EndpointWorld();
  Object.assign(platform, { store: memoryStore(), turn: 'free', granted: [], takenOver: 0 });
});
afterEach(async () => {
  await world.stop();
  vi.unstubAllGlobals();
});

describe('the default identity', () => {
  test('is created once, kept, and shared', async () => {
    const [first, second] = await Promise.all([defaultIdentity(), defaultIdentity()]);
    expect(first).toBe(second);
    expect(await defaultKeyStore().load()).toEqual(first.exportSeed());
    const made = new Endpoint('ws://localhost/', { WebSocket: world.network.WebSocket });
    world.endpoints.push(made);
    expect((await made.ready).publicKey).toBe(first.publicKey);
  });

  test('is loaded again after a failure', async () => {
    vi.resetModules();
    const again = await import('../src/options.js');
    platform.store = { loadOrCreate: () => Promise.reject(new Error('no disk')) };
    await expect(again.defaultIdentity()).rejects.toThrow('no disk');
    platform.store = memoryStore();
    expect((await again.defaultIdentity()).publicKey).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('one-line messages', () => {
  test('that are not JSON close the channel with 3003; the endpoint continues', async () => {
    const b = world.endpoint({ accept: undefined as never });
    const got: unknown[] = [];
    b.addEventListener('message', ({ data, from }) => got.push([from, data]));
    const a = world.endpoint();
    await pass(500);
    const socket = a.connect(b.address ?? '', { protocols: 'sws.message.v1' });
    await pass(500);
    const closed = event<CloseEvent>(socket, 'close');
    socket.send('{"half":');
    await pass(500);
    expect([(await closed).code, (await closed).reason, got]).toEqual([3003, 'not JSON', []]);
    const sent = a.send(b.address ?? '', { whole: true });
    await pass(1_000);
    await sent;
    expect(got).toEqual([[a.address, { whole: true }]]);
  });

  test('are refused while nobody listens, and choose their own subprotocol', async () => {
    const b = world.endpoint({ accept: undefined as never });
    const a = world.endpoint();
    await pass(500);
    const refused = event<SecureErrorEvent>(a.connect(b.address ?? ''), 'error');
    await pass(500);
    expect((await refused).code).toBe('refused');
    b.addEventListener('message', () => {});
    const socket = a.connect(b.address ?? '', { protocols: ['other', 'sws.message.v1'] });
    await pass(500);
    expect(socket.protocol).toBe('sws.message.v1');
  });
});

describe('takeOver', () => {
  test('registers at once if this tab has the turn but is down', async () => {
    const a = world.endpoint();
    await pass(500);
    world.network.sockets[0]?.onclose?.({ code: 4403 });
    await pass(60_000, 1_000);
    expect([a.state, world.network.dials.length]).toEqual(['down', 1]);
    a.takeOver();
    await pass(500);
    expect([a.state, world.network.dials.length, platform.takenOver]).toEqual(['registered', 2, 0]);
  });

  test('asks for the turn if another tab has it', async () => {
    platform.turn = 'queued';
    const a = world.endpoint();
    await pass(500);
    expect([a.state, world.network.dials.length]).toEqual(['connecting', 0]);
    a.takeOver();
    await pass(500);
    expect([a.state, platform.takenOver]).toEqual(['registered', 1]);
  });

  test('does nothing without an identity or after close', async () => {
    const a = world.endpoint({ identity: Promise.reject(new Error('none')) as Promise<Identity> });
    await pass(100);
    a.takeOver();
    await pass(500);
    const b = world.endpoint();
    await pass(500);
    await Promise.all([b.close({ graceMs: 0 }), pass(1_000)]);
    const dials = world.network.dials.length;
    b.takeOver();
    await pass(1_000);
    expect([a.state, b.state, world.network.dials.length]).toEqual(['down', 'closed', dials]);
  });
});

test('a throwing accept refuses, a rejecting one gives no answer; the error is uncaught', async () => {
  const uncaught: unknown[] = [];
  vi.stubGlobal('queueMicrotask', (task: () => void) =>
    Promise.resolve()
      .then(task)
      .catch((error: unknown) => uncaught.push(error)),
  );
  const [boom, later] = [new Error('boom'), new Error('later')];
  const throwing = world.endpoint({
    accept: () => {
      throw boom;
    },
  });
  let asked = 0;
  const rejecting = world.endpoint({ accept: async () => asked++ > 0 || Promise.reject(later) });
  const a = world.endpoint();
  await pass(500);
  const refused = event<SecureErrorEvent>(a.connect(throwing.address ?? ''), 'error');
  await pass(500);
  expect([(await refused).code, uncaught.splice(0)]).toEqual(['refused', [boom]]);
  const socket = a.connect(rejecting.address ?? '');
  await pass(500);
  expect([socket.readyState, uncaught, asked]).toEqual([0, [later], 1]);
  await pass(5_000); // its OPEN comes again
  expect([socket.readyState, uncaught.length, asked]).toEqual([1, 1, 2]);
});

test('a transport that cannot be created is retried as a lost connection', async () => {
  let makes = 0;
  const { WebSocket } = world.network;
  class Failing extends WebSocket {
    constructor(url: string, protocols: string) {
      if (makes++ < 2) throw new Error('no sockets');
      super(url, protocols);
    }
  }
  const states: StateEvent[] = [];
  const a = world.endpoint({ WebSocket: Failing });
  a.addEventListener('state', (state) => states.push(state));
  await pass(30_000);
  expect([a.state, makes]).toEqual(['registered', 3]);
  const lost = states.filter(({ state }) => state === 'reconnecting');
  expect(lost.map(({ failure }) => failure?.code)).toEqual(['connection-lost', 'connection-lost']);
  expect(lost[1]?.retryInMs).toBeGreaterThan(0);
  expect(states.filter(({ state }) => state !== 'reconnecting').map(({ retryInMs }) => retryInMs)).not.toContain(0);
});

test('without a WebSocket class the error says what to pass', async () => {
  const socket = new ClientSecureWebSocket(`ws://localhost/${newIdentity().publicKey}`, [], {
    identity: newIdentity(),
    WebSocket: null as never,
  });
  const failed = event<SecureErrorEvent>(socket, 'error');
  await pass(1_000);
  expect((await failed).code).toBeDefined();
});

test('an unloading page closes its open sockets with 1001, in the same turn', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  const { a, socket, other } = await world.pair();
  const accepted = other;
  const mine = world.network.sockets[0];
  const heard = event<CloseEvent>(accepted, 'close');
  const sent = vi.spyOn(mine as { send(data: unknown): void }, 'send');
  page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true }));
  expect([socket.readyState, sent.mock.calls.length]).toEqual([1, 0]);
  page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }));
  expect([socket.readyState, sent.mock.calls.length > 0]).toEqual([2, true]);
  await pass(1_000);
  expect([(await heard).code, a.state]).toEqual([1001, 'registered']);
});

test('data sent into an ended channel counts as buffered', async () => {
  const { a, socket } = await world.pair();
  world.network.behaviour = 'unreachable';
  world.network.cut();
  socket.send('before');
  await pass(100);
  expect(socket.bufferedAmount).toBe(6);
  const closed = event<CloseEvent>(socket, 'close');
  await Promise.all([a.close({ graceMs: 50 }), pass(2_000)]);
  expect((await closed).code).toBe(1006);
  socket.send('after');
  expect(socket.bufferedAmount).toBe(11);
});

test('data sent after the peer’s close counts as buffered, while earlier messages still arrive', async () => {
  const { socket, other } = await world.pair();
  const buffered: unknown[] = [];
  // Two messages and the close, in one turn: each is told in a task of its own.
  socket.onmessage = () => {
    const sent = channelSocketOf(socket).send('four');
    buffered.push(sent, socket.bufferedAmount);
  };
  const taken = world.network.sockets[0]?.onmessage;
  const held: unknown[] = [];
  if (world.network.sockets[0] !== undefined) world.network.sockets[0].onmessage = ({ data }) => held.push(data);
  other.send('a');
  other.send('b');
  other.close();
  await pass(200);
  for (const data of held) taken?.call(world.network.sockets[0] as never, { data });
  await pass(500);
  expect([buffered, socket.readyState, socket.bufferedAmount]).toEqual([[true, 4, false, 8], 3, 8]);
});

test('a message read together with its connection waits for listeners set after an await', async () => {
  const [a, b] = [world.endpoint(), world.endpoint()];
  await pass(500);
  const transport = world.network.sockets[1];
  const take = transport?.onmessage;
  if (transport === undefined || !take) throw new Error('no transport');
  const held: { data: unknown }[] = [];
  let holds = false;
  transport.onmessage = (event) => void (holds ? held.push(event) : take.call(transport, event));
  const got: unknown[] = [];
  void event<ConnectionEvent>(b, 'connection').then(async ({ socket }) => {
    await null;
    socket.onmessage = ({ data }) => got.push(data);
  });
  const socket = a.connect(b.address ?? '');
  socket.onopen = () => {
    socket.send('first');
    socket.send('second');
  };
  await pass(30, 5); // b has the OPEN
  holds = true;
  await pass(200, 5);
  holds = false;
  expect([got, held.length >= 2]).toEqual([[], true]);
  for (const frame of held) take.call(transport, frame);
  await pass(100);
  expect(got).toEqual(['first', 'second']);
});

test('drain fires only when the peer has everything', async () => {
  const { socket } = await world.pair();
  const buffered: number[] = [];
  socket.addEventListener('drain', () => buffered.push(socket.bufferedAmount));
  for (let i = 0; i < 3; i++) socket.send('x'.repeat(1_000));
  await pass(10, 10);
  expect([buffered, socket.bufferedAmount]).toEqual([[], 3_000]);
  await pass(500);
  expect([buffered.length > 0, buffered.every((amount) => amount === 0)]).toEqual([true, true]);
});

test('a closed endpoint opens nothing', async () => {
  const a = world.endpoint();
  await pass(500);
  await Promise.all([a.close(), pass(3_000)]);
  const failed = event<SecureErrorEvent>(a.connect(newIdentity().publicKey), 'error');
  await pass(100);
  expect([(await failed).code, a.state]).toEqual(['closed', 'closed']);
});
