// An endpoint and its sockets in virtual time: what the tests over a real relay do not come to.
import { type Identity, memoryStore } from '@sws/crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  defaultIdentity,
  defaultKeyStore,
  Endpoint,
  type EndpointOptions,
  type SecureErrorEvent,
  type SecureWebSocket,
  type StateEvent,
} from '../src/index.js';
import type { TurnEvents } from '../src/platform/turn.js';
import { channelSocketOf } from '../src/secure-web-socket.js';
import { event, newIdentity } from './relay.js';
import { pass, VirtualNetwork, virtualTime } from './virtual-network.js';

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

let network: VirtualNetwork;
let restore: () => void;
let endpoints: Endpoint[];
beforeEach(() => {
  restore = virtualTime();
  network = new VirtualNetwork();
  endpoints = [];
  Object.assign(platform, { store: memoryStore(), turn: 'free', granted: [], takenOver: 0 });
});
afterEach(async () => {
  await Promise.all([...endpoints.map((one) => one.close({ graceMs: 0 })), pass(2_000)]);
  vi.unstubAllGlobals();
  restore();
});

function endpoint(options: EndpointOptions = {}): Endpoint {
  const made = new Endpoint('ws://localhost/', {
    identity: newIdentity(),
    WebSocket: network.WebSocket,
    accept: () => true,
    ...options,
  });
  endpoints.push(made);
  return made;
}

async function pair(
  options: EndpointOptions = {},
): Promise<{ a: Endpoint; b: Endpoint; socket: SecureWebSocket; other: SecureWebSocket }> {
  const [a, b] = [endpoint(options), endpoint()];
  await pass(500);
  const connection = event<ConnectionEvent>(b, 'connection');
  const socket = a.connect(b.address ?? '');
  await pass(500);
  expect(socket.readyState).toBe(ClientSecureWebSocket.OPEN);
  return { a, b, socket, other: (await connection).socket };
}

describe('the default identity', () => {
  test('is created once, kept, and shared', async () => {
    const [first, second] = await Promise.all([defaultIdentity(), defaultIdentity()]);
    expect(first).toBe(second);
    expect(await defaultKeyStore().load()).toEqual(first.exportSeed());
    const made = new Endpoint('ws://localhost/', { WebSocket: network.WebSocket });
    endpoints.push(made);
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
    const b = endpoint({ accept: undefined as never });
    const got: unknown[] = [];
    b.addEventListener('message', ({ data, from }) => got.push([from, data]));
    const a = endpoint();
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
    const b = endpoint({ accept: undefined as never });
    const a = endpoint();
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
    const a = endpoint();
    await pass(500);
    network.sockets[0]?.onclose?.({ code: 4403 });
    await pass(60_000, 1_000);
    expect([a.state, network.dials.length]).toEqual(['down', 1]);
    a.takeOver();
    await pass(500);
    expect([a.state, network.dials.length, platform.takenOver]).toEqual(['registered', 2, 0]);
  });

  test('asks for the turn if another tab has it', async () => {
    platform.turn = 'queued';
    const a = endpoint();
    await pass(500);
    expect([a.state, network.dials.length]).toEqual(['connecting', 0]);
    a.takeOver();
    await pass(500);
    expect([a.state, platform.takenOver]).toEqual(['registered', 1]);
  });

  test('does nothing without an identity or after close', async () => {
    const a = endpoint({ identity: Promise.reject(new Error('none')) as Promise<Identity> });
    await pass(100);
    a.takeOver();
    await pass(500);
    const b = endpoint();
    await pass(500);
    await Promise.all([b.close({ graceMs: 0 }), pass(1_000)]);
    const dials = network.dials.length;
    b.takeOver();
    await pass(1_000);
    expect([a.state, b.state, network.dials.length]).toEqual(['down', 'closed', dials]);
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
  const throwing = endpoint({
    accept: () => {
      throw boom;
    },
  });
  let asked = 0;
  const rejecting = endpoint({ accept: async () => asked++ > 0 || Promise.reject(later) });
  const a = endpoint();
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
  const { WebSocket } = network;
  class Failing extends WebSocket {
    constructor(url: string, protocols: string) {
      if (makes++ < 2) throw new Error('no sockets');
      super(url, protocols);
    }
  }
  const states: StateEvent[] = [];
  const a = endpoint({ WebSocket: Failing });
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
  const { a, socket, other } = await pair();
  const accepted = other;
  const mine = network.sockets[0];
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
  const { a, socket } = await pair();
  network.behaviour = 'unreachable';
  network.cut();
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
  const { socket, other } = await pair();
  const buffered: unknown[] = [];
  // Two messages and the close, in one turn: each is told in a task of its own.
  socket.onmessage = () => {
    const sent = channelSocketOf(socket).send('four');
    buffered.push(sent, socket.bufferedAmount);
  };
  const taken = network.sockets[0]?.onmessage;
  const held: unknown[] = [];
  if (network.sockets[0] !== undefined) network.sockets[0].onmessage = ({ data }) => held.push(data);
  other.send('a');
  other.send('b');
  other.close();
  await pass(200);
  for (const data of held) taken?.call(network.sockets[0] as never, { data });
  await pass(500);
  expect([buffered, socket.readyState, socket.bufferedAmount]).toEqual([[true, 4, false, 8], 3, 8]);
});

test('a message read together with its connection waits for listeners set after an await', async () => {
  const [a, b] = [endpoint(), endpoint()];
  await pass(500);
  const transport = network.sockets[1];
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
  const { socket } = await pair();
  const buffered: number[] = [];
  socket.addEventListener('drain', () => buffered.push(socket.bufferedAmount));
  for (let i = 0; i < 3; i++) socket.send('x'.repeat(1_000));
  await pass(10, 10);
  expect([buffered, socket.bufferedAmount]).toEqual([[], 3_000]);
  await pass(500);
  expect([buffered.length > 0, buffered.every((amount) => amount === 0)]).toEqual([true, true]);
});

test('a closed endpoint opens nothing', async () => {
  const a = endpoint();
  await pass(500);
  await Promise.all([a.close(), pass(3_000)]);
  const failed = event<SecureErrorEvent>(a.connect(newIdentity().publicKey), 'error');
  await pass(100);
  expect([(await failed).code, a.state]).toEqual(['closed', 'closed']);
});

describe('the connection of an identity', () => {
  test('is reused within half a second, and then closed', async () => {
    const identity = newIdentity();
    const first = endpoint({ identity });
    await pass(500);
    await Promise.all([first.close(), pass(450)]);
    const second = endpoint({ identity });
    await pass(2_000);
    expect([second.state, network.dials.length, network.sockets[0]?.readyState]).toEqual(['registered', 1, 1]);
    await Promise.all([second.close(), pass(450)]);
    expect(network.sockets[0]?.readyState).toBe(1);
    await pass(150);
    expect(network.sockets[0]?.readyState).toBe(3);
    const third = endpoint({ identity });
    await pass(500);
    expect([third.state, network.dials.length]).toEqual(['registered', 2]);
    await Promise.all([third.close(), pass(700)]);
    expect(network.sockets[1]?.readyState).toBe(3);
  });

  test('is shared by its endpoints, and outlives the first to close', async () => {
    const identity = newIdentity();
    const [first, second] = [endpoint({ identity }), endpoint({ identity })];
    await pass(500);
    await Promise.all([first.close(), pass(3_000)]);
    expect([second.state, network.dials.length, network.sockets[0]?.readyState]).toEqual(['registered', 1, 1]);
  });

  test('is given up with its last user if it does not register', async () => {
    network.behaviour = 'no-challenge';
    const a = endpoint();
    await pass(500);
    await Promise.all([a.close(), pass(50)]);
    expect(network.sockets[0]?.readyState).toBe(3);
  });

  test.each(['blob', 'nodebuffer'])('accepts bytes from a transport of binaryType %s', async (binaryType) => {
    const { WebSocket } = network;
    const made: { binaryType: string; onmessage: unknown }[] = [];
    class Other extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        this.binaryType = binaryType;
        made.push(this);
      }
    }
    const { socket, other } = await pair({ WebSocket: Other });
    expect(made.map((one) => one.binaryType)).toEqual([binaryType === 'blob' ? 'arraybuffer' : 'nodebuffer']);
    // As a browser gives them, and as `ws` does: a part of what was read.
    const [transport] = made as { onmessage: (event: { data: unknown }) => void }[];
    const take = transport?.onmessage;
    if (transport === undefined || take === undefined) throw new Error('no transport');
    const forms = [
      (bytes: Uint8Array) => bytes.slice().buffer,
      (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(3)]).subarray(3, 3 + bytes.length),
    ];
    let count = 0;
    transport.onmessage = ({ data }) =>
      take.call(transport, { data: data instanceof Uint8Array ? forms[count++ % 2]?.(data) : data });
    const got: unknown[] = [];
    socket.onmessage = ({ data }) => got.push(data);
    for (const text of ['a', 'b', 'c', 'd']) other.send(text);
    await pass(1_000);
    expect([got, count > 3]).toEqual([['a', 'b', 'c', 'd'], true]);
  });

  test('writes all due frames at once, if the transport can cork', async () => {
    const { WebSocket } = network;
    const calls: string[] = [];
    class Corked extends WebSocket {
      override cork(): void {
        calls.push('cork');
      }
      override uncork(): void {
        calls.push('uncork');
      }
      override send(data: string | Uint8Array<ArrayBuffer>): void {
        calls.push('send');
        super.send(data);
      }
    }
    const { socket } = await pair({ WebSocket: Corked });
    calls.length = 0;
    for (let i = 0; i < 3; i++) socket.send('x');
    await pass(10, 10);
    expect(calls.slice(0, 5)).toEqual(['cork', 'send', 'send', 'send', 'uncork']);
  });

  test('is dialled with credentials and subprotocol, and registers for the host without them', async () => {
    const { WebSocket } = network;
    const dialled: string[][] = [];
    class Noting extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        dialled.push([url, protocols]);
      }
    }
    const made = new Endpoint('ws://me:secret@localhost/', { identity: newIdentity(), WebSocket: Noting });
    endpoints.push(made);
    await pass(500);
    expect([made.state, made.url, dialled]).toEqual([
      'registered',
      'ws://localhost/',
      [['ws://me:secret@localhost/', 'sws.v1']],
    ]);
  });
});
