import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Identity, SwsError } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type PeerMessageEvent,
  type SecureErrorEvent,
  type SecureWebSocket,
  type StateEvent,
} from '../src/index.js';
import { alice, bob, endpoint, endpoints, relay, restartRelay, useRelay } from './each-relay.js';
import { event, newIdentity, relayIdentity } from './relay.js';

useRelay();

async function registered(identity: Identity, options = {}): Promise<Endpoint> {
  const made = endpoint(identity, options);
  await made.ready;
  while (made.state !== 'registered') await event(made, 'state');
  return made;
}

/** Bob listens, Alice dials his URL: both open sockets. */
async function pair(path = '/room?x=1', protocols: string[] = []): Promise<[ClientSecureWebSocket, SecureWebSocket]> {
  const listener = await registered(bob, { accept: () => ({ protocol: protocols.at(-1) ?? '' }) });
  const connection = event<ConnectionEvent>(listener, 'connection');
  const socket = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}${path}`, protocols, { identity: alice });
  await event(socket, 'open');
  return [socket, (await connection).socket];
}

test('two sockets exchange messages, and close with code and reason', async () => {
  const [a, b] = await pair('/room?x=1', ['v1', 'v2']);
  expect([a.protocol, b.protocol, b.resource, b.peer]).toEqual(['v2', 'v2', '/room?x=1', alice.publicKey]);
  b.binaryType = 'arraybuffer';
  const seen: unknown[] = [];
  const four = new Promise<void>((resolve) => {
    b.onmessage = ({ data }) => {
      seen.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
      if (seen.length === 5) resolve();
    };
  });
  a.send('héllo 👋');
  a.send(new Blob([Uint8Array.of(1, 2)]));
  a.send(Uint8Array.of(3, 4).buffer);
  a.send(new Uint16Array([5]));
  a.send('last');
  await four;
  expect(seen).toEqual(['héllo 👋', [1, 2], [3, 4], [5, 0], 'last']);
  await a.delivered();
  expect(a.bufferedAmount).toBe(0);
  const closes = [event<CloseEvent>(a, 'close'), event<CloseEvent>(b, 'close')];
  b.close(4001, 'enough');
  expect(
    await Promise.all(closes.map((close) => close.then(({ code, reason, wasClean }) => ({ code, reason, wasClean })))),
  ).toEqual([
    { code: 4001, reason: 'enough', wasClean: true },
    { code: 4001, reason: 'enough', wasClean: true },
  ]);
});

test('sockets of one identity share one registration', async () => {
  const [first] = await pair();
  const second = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}/other`, [], { identity: alice });
  await event(second, 'open');
  expect(relay.router.size).toBe(2);
  expect(first.readyState).toBe(1);
});

describe('an unreachable peer gives error, then close 1006', () => {
  test('fails with its code: offline peer, refusing peer, own address, no relay', async () => {
    const attempt = async (url: string) => {
      const socket = new ClientSecureWebSocket(url, [], { identity: alice });
      const [error, close] = await Promise.all([
        event<SecureErrorEvent>(socket, 'error'),
        event<CloseEvent>(socket, 'close'),
      ]);
      return [error.code, close.code, close.wasClean];
    };
    expect(await attempt(`${relay.url}${bob.publicKey}`)).toEqual(['offline', 1006, false]);
    await registered(bob, { accept: () => false });
    expect(await attempt(`${relay.url}${bob.publicKey}`)).toEqual(['refused', 1006, false]);
    expect(await attempt(`${relay.url}${alice.publicKey}`)).toEqual(['own-address', 1006, false]);
    expect(await attempt(`ws://127.0.0.1:1/${bob.publicKey}`)).toEqual(['relay-refused', 1006, false]);
  });

  test('URLs without an address, or with a malformed one, and bad subprotocols throw SyntaxError', () => {
    for (const path of [
      '',
      'chat',
      'ab'.repeat(31),
      '00'.repeat(32),
      bob.publicKey.toUpperCase(),
      `${bob.publicKey}#x`,
      `${bob.publicKey}//evil.example/`,
    ]) {
      expect(() => new ClientSecureWebSocket(relay.url + path, [], { identity: alice })).toThrow(
        expect.objectContaining({ name: 'SyntaxError' }),
      );
    }
    expect(
      () => new ClientSecureWebSocket(`wss://${'h'.repeat(256)}/${bob.publicKey}`, [], { identity: alice }),
    ).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
    expect(() => new ClientSecureWebSocket(relay.url + bob.publicKey, ['a', 'A'], { identity: alice })).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    );
  });
});

test('a resource reaches the peer as the URL Standard serialises it', async () => {
  const listener = await registered(bob, { accept: () => true });
  const endpoint = await registered(alice);
  for (const [given, resource] of [
    ['room', '/room'],
    ['/a/../b?q=é x', '/b?q=%C3%A9%20x'],
    ['/a\r\n\u001bb', '/a%1Bb'],
  ] as const) {
    const connection = event<ConnectionEvent>(listener, 'connection');
    const socket = endpoint.connect(bob.publicKey, { resource: given });
    expect([socket.resource, (await connection).socket.resource]).toEqual([resource, resource]);
    socket.close();
  }
  const outside = ['//evil.example/', '../..', `/../${alice.publicKey}/`, '/a#b'];
  for (const resource of outside)
    expect(() => endpoint.connect(bob.publicKey, { resource }), resource).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    );
});

describe('a pinned relay', () => {
  const right = { serverKey: relayIdentity.signingKey };
  const wrong = { serverKey: newIdentity().signingKey };

  /** The state that comes first of those that last. */
  async function settled(made: Endpoint): Promise<[string, string | undefined]> {
    for (;;) {
      const { state, failure } = await event<StateEvent>(made, 'state');
      if (state === 'registered' || state === 'down') return [state, failure?.code];
    }
  }

  test('registers only if the relay’s key matches the pin', async () => {
    expect(await settled(endpoint(alice, right))).toEqual(['registered', undefined]);
    expect(await settled(endpoint(bob, wrong))).toEqual(['down', 'wrong-server-key']);
  });

  test('a pin holds even if another socket of the identity is connected', async () => {
    await registered(alice);
    expect(await settled(endpoint(alice, wrong))).toEqual(['down', 'wrong-server-key']);
    const socket = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}`, [], { identity: alice, ...wrong });
    expect((await event<SecureErrorEvent>(socket, 'error')).code).toBe('wrong-server-key');
    await registered(bob, right);
    expect((await registered(bob, right)).state).toBe('registered');
    expect((await registered(bob)).state).toBe('registered');
  });

  test.each([
    ['identity-in-use', new SwsError('identity-in-use', 'another process holds it')],
    ['unexpected', new Error('no such file')],
  ])('an endpoint whose identity cannot be loaded is down, with the reason: %s', async (code, error) => {
    const made = new Endpoint(relay.url, { identity: Promise.reject(error) });
    const { state, failure } = await event<StateEvent>(made, 'state');
    expect([state, failure]).toEqual(['down', { code, detail: error.message }]);
    await expect(made.ready).rejects.toBe(error);
  });
});

test('waitForPeerMs: the socket opens when the peer appears', async () => {
  const socket = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}`, [], {
    identity: alice,
    waitForPeerMs: 60_000,
  });
  const opened = event(socket, 'open');
  // The relay has said that he is offline: the attempt waits.
  while (relay.router.counters.undeliverable.offline === 0) await new Promise((resolve) => setImmediate(resolve));
  const listener = await registered(bob, { accept: () => true });
  // A frame of the peer's has the waiting attempt tried at once.
  await expect(listener.send(alice.publicKey, 'here')).rejects.toMatchObject({ code: 'refused' });
  await opened;
  expect(socket.readyState).toBe(1);
});

test('one-line messages carry JSON and bytes', async () => {
  const receiver = await registered(bob);
  const got: unknown[] = [];
  receiver.addEventListener('message', (found: PeerMessageEvent) =>
    got.push([found.from, found.data instanceof ArrayBuffer ? [...new Uint8Array(found.data)] : found.data]),
  );
  const sender = endpoint(alice);
  await sender.send(bob.publicKey, { hello: ['world'] });
  await sender.send(bob.publicKey, Uint8Array.of(7));
  expect(got).toEqual([
    [alice.publicKey, { hello: ['world'] }],
    [alice.publicKey, [7]],
  ]);
});

test('a relay restarted under load: nothing is lost, repeated or reordered', async () => {
  const [a, b] = await pair();
  const interrupted = event(a, 'interrupted');
  const count = 1_500;
  let next = 0;
  let wrong = 0;
  const all = new Promise<void>((resolve) => {
    b.onmessage = ({ data }) => {
      if (data !== `${next}:${'x'.repeat(200)}`) wrong++;
      if (++next === count) resolve();
    };
  });
  for (let i = 0; i < count; i++) {
    a.send(`${i}:${'x'.repeat(200)}`);
    if (i % 500 === 499) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await restartRelay();
    }
  }
  await all;
  await interrupted;
  await a.delivered();
  expect([wrong, next]).toEqual([0, count]);
});

test('a JSON client and a binary client exchange messages', async () => {
  const listener = await registered(bob, { accept: () => true, encoding: 'json' });
  const connection = event<ConnectionEvent>(listener, 'connection');
  const socket = new ClientSecureWebSocket(`${relay.url}${bob.publicKey}`, [], { identity: alice });
  const { socket: accepted } = await connection;
  const message = event<MessageEvent>(socket, 'message');
  accepted.send('from JSON');
  expect((await message).data).toBe('from JSON');
});

test('a URL’s user name and password go to the HTTP server only, and appear in no URL', async () => {
  const gate = createServer();
  const asked = new Promise<string | undefined>((resolve) => {
    gate.on('upgrade', (request, socket) => {
      resolve(request.headers.authorization);
      socket.destroy();
    });
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const url = `ws://user:pa$&ss@127.0.0.1:${(gate.address() as AddressInfo).port}/relay/`;
  const identity = newIdentity();
  const socket = new ClientSecureWebSocket(`${url}${newIdentity().publicKey}`, [], { identity });
  const failure = event<SecureErrorEvent>(socket, 'error');
  expect(await asked).toBe(`Basic ${Buffer.from('user:pa$&ss').toString('base64')}`);
  expect((await failure).message).not.toContain('pa$&ss');
  const endpoint = new Endpoint(url, { identity });
  expect(endpoint.url).not.toContain('pa$&ss');
  await endpoint.close();
  gate.close();
});

test('an oversized frame ends the connection before it is held', async () => {
  const hostile = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'sws.v1' });
  await once(hostile, 'listening');
  const closed = new Promise<number>((resolve) => {
    hostile.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.on('close', (code) => resolve(code));
      // The first of many parts: the message never ends.
      socket.send(new Uint8Array(2 * 1_048_576 + 1), { binary: true, fin: false });
    });
  });
  const made = new Endpoint(`ws://127.0.0.1:${(hostile.address() as AddressInfo).port}/`, { identity: alice });
  endpoints.push(made);
  expect(await closed).toBe(1009);
  for (const socket of hostile.clients) socket.terminate();
  hostile.close();
});
