import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Identity, SwsError } from '@sws/crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ClientSecureWebSocket,
  type ConnectionEvent,
  Endpoint,
  type EndpointOptions,
  type SecureErrorEvent,
  SecureWebSocket,
} from '../src/index.js';
import { event, newIdentity, startRelay, type TestRelay } from './relay.js';

// What the standard says is tested statement by statement in tests/conformance; here is what goes beyond it.

let alice: Identity;
let relay: TestRelay;
let listener: Endpoint;

async function listen(options: EndpointOptions = {}): Promise<Endpoint> {
  listener = new Endpoint(relay.url, { identity: newIdentity(), accept: () => true, ...options });
  while (listener.state !== 'registered') await event(listener, 'state');
  return listener;
}

function dial(options: ConstructorParameters<typeof ClientSecureWebSocket>[2] = {}, protocols: string[] = []) {
  return new ClientSecureWebSocket(`${relay.url}${listener.address}`, protocols, { identity: alice, ...options });
}

async function pair(options = {}): Promise<[SecureWebSocket, SecureWebSocket]> {
  const connection = event<ConnectionEvent>(listener, 'connection');
  const socket = dial(options);
  const [{ socket: accepted }] = await Promise.all([connection, event(socket, 'open')]);
  accepted.binaryType = 'arraybuffer';
  return [socket, accepted];
}

beforeEach(async () => {
  alice = newIdentity();
  relay = await startRelay();
});
afterEach(async () => {
  await listener.close();
  await relay.kill();
});

test('a queued Blob counts with its size until acknowledged, and keeps its place', async () => {
  await listen();
  const [socket, accepted] = await pair();
  const seen: unknown[] = [];
  accepted.onmessage = ({ data }) => seen.push(data instanceof ArrayBuffer ? data.byteLength : data);
  socket.send('before');
  socket.send(new Blob(['x'.repeat(1000)]));
  socket.send('after');
  expect(socket.bufferedAmount).toBe(1011);
  await socket.delivered();
  expect([seen, socket.bufferedAmount]).toEqual([['before', 1000, 'after'], 0]);
});

test('a Blob without arrayBuffer, as jsdom’s, is refused and delays nothing', async () => {
  await listen();
  const [socket, accepted] = await pair();
  const blob = Object.defineProperty(new Blob(['x']), 'arrayBuffer', { value: undefined });
  expect(() => socket.send(blob)).toThrow(new TypeError('data is a Blob without arrayBuffer(): it cannot be read'));
  const heard = event<MessageEvent>(accepted, 'message');
  socket.send('next');
  expect((await heard).data).toBe('next');
});

test('an unreadable Blob ends the socket with an error; queued data counts as buffered', async () => {
  await listen();
  const [socket] = await pair();
  const folder = await mkdtemp(join(tmpdir(), 'sws-blob-'));
  await writeFile(join(folder, 'file'), 'contents');
  const blob = await openAsBlob(join(folder, 'file'));
  await rm(folder, { recursive: true });
  const ends = [event<SecureErrorEvent>(socket, 'error'), event<CloseEvent>(socket, 'close')] as const;
  socket.send(blob);
  socket.send('behind it');
  const delivered = socket.delivered();
  await expect(delivered).rejects.toMatchObject({ message: 'a Blob could not be read' });
  expect((await ends[0]).message).toBe('a Blob could not be read');
  const { code, wasClean } = await ends[1];
  expect([code, wasClean, socket.bufferedAmount]).toEqual([1006, false, 17]);
});

test('delivered is right after a close, too', async () => {
  await listen();
  const [socket, accepted] = await pair();
  socket.send('taken');
  const closed = event(socket, 'close');
  socket.close();
  await closed;
  await expect(socket.delivered()).resolves.toBeUndefined();
  socket.send('too late');
  await expect(socket.delivered()).rejects.toMatchObject({ code: 'closed' });
  await expect(dial().delivered()).rejects.toMatchObject({ code: 'not-open' });
  expect(accepted.readyState).toBe(3);
});

test('data that a lost peer has not acknowledged stays in bufferedAmount', async () => {
  await listen();
  const [socket] = await pair({ resumeTimeoutMs: 200 });
  const closed = event<CloseEvent>(socket, 'close');
  await relay.kill();
  socket.send('never taken');
  const { code, wasClean } = await closed;
  expect([code, wasClean, socket.bufferedAmount]).toEqual([1006, false, 11]);
  await expect(socket.delivered()).rejects.toMatchObject({ code: 'closed' });
  relay = await startRelay(relay.port);
});

test('listeners set after awaiting the connection event miss no message', async () => {
  await listen();
  const count = 20;
  let heard = 0;
  const all = new Promise<void>((resolve) => {
    void (async () => {
      const { socket } = await event<ConnectionEvent>(listener, 'connection');
      await Promise.resolve();
      socket.onmessage = () => {
        if (++heard === count) resolve();
      };
    })();
  });
  const socket = dial();
  socket.onopen = () => {
    for (let i = 0; i < count; i++) socket.send('x');
  };
  await all;
});

test('a socket closed before its identity loads dials nobody; a failed identity gives its reason', async () => {
  await listen();
  let resolve: (identity: Identity) => void = () => {};
  const identity = new Promise<Identity>((found) => {
    resolve = found;
  });
  const early = dial({ identity });
  const closed = event<CloseEvent>(early, 'close');
  early.close();
  resolve(alice);
  expect((await closed).code).toBe(1006);
  await identity;
  expect(relay.router.size).toBe(1);
  const failing = dial({ identity: Promise.reject(new SwsError('identity-damaged', 'the file is damaged')) });
  const error = await event<SecureErrorEvent>(failing, 'error');
  expect([error.code, error.message]).toEqual(['identity-damaged', 'the file is damaged']);
});

test('every secure socket is an instance of SecureWebSocket, which cannot be constructed', async () => {
  await listen();
  const [socket, accepted] = await pair();
  const Bound = ClientSecureWebSocket.with({ identity: alice });
  const bound = new Bound(`${relay.url}${listener.address}`);
  for (const one of [socket, accepted, bound]) expect(one).toBeInstanceOf(SecureWebSocket);
  expect(bound).toBeInstanceOf(Bound);
  expect({}).not.toBeInstanceOf(SecureWebSocket);
  expect(() => Reflect.construct(SecureWebSocket, [`${relay.url}${listener.address}`])).toThrow(TypeError);
  expect(() => SecureWebSocket.prototype.url).toThrow(TypeError);
  expect(Object.keys(ClientSecureWebSocket.prototype)).not.toContain('peer');
  bound.close();
});

describe('subprotocols', () => {
  test('true accepts the first one offered; choosing none fails a client that offered some', async () => {
    let answer: boolean | { protocol?: string } = true;
    await listen({ accept: () => answer });
    const accepted = event(listener, 'connection');
    const first = dial({}, ['a', 'b']);
    await Promise.all([event(first, 'open'), accepted]);
    expect(first.protocol).toBe('a');
    answer = {};
    const gone = event<ConnectionEvent>(listener, 'connection').then(({ socket }) =>
      event<CloseEvent>(socket, 'close'),
    );
    const second = dial({}, ['a', 'b']);
    expect((await event<SecureErrorEvent>(second, 'error')).code).toBe('handshake-failed');
    // The peer, which had accepted, is told.
    expect((await gone).code).toBe(1002);
  });
});

describe('Endpoint.close', () => {
  test('fails sockets that wait for a peer, closes the others, and refuses new ones', async () => {
    await listen();
    const connection = event<ConnectionEvent>(listener, 'connection');
    const endpoint = new Endpoint(relay.url, { identity: alice, waitForPeerMs: 60_000 });
    const open = endpoint.connect(listener.address ?? '');
    const { socket: accepted } = await connection;
    if (open.readyState === 0) await event(open, 'open');
    const waiting = endpoint.connect(newIdentity().publicKey);
    const refused = expect(endpoint.send(newIdentity().publicKey, 'nobody hears')).rejects.toMatchObject({
      code: 'aborted',
    });
    const ends = [open, waiting, accepted].map((socket) => event<CloseEvent>(socket, 'close'));
    await endpoint.close();
    await refused;
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual([1000, 1006, 1000]);
    const late = endpoint.connect(listener.address ?? '');
    expect((await event<SecureErrorEvent>(late, 'error')).message).toBe('the endpoint is closed');
  });

  test('does not wait for a peer that does not answer', async () => {
    await listen();
    const connection = event<ConnectionEvent>(listener, 'connection');
    const endpoint = new Endpoint(relay.url, { identity: alice });
    const socket = endpoint.connect(listener.address ?? '');
    await connection;
    if (socket.readyState === 0) await event(socket, 'open');
    await relay.kill();
    const closed = event<CloseEvent>(socket, 'close');
    await endpoint.close({ graceMs: 50 });
    expect((await closed).code).toBe(1006);
    relay = await startRelay(relay.port);
  });

  test('an already aborted signal closes it', async () => {
    await listen();
    const endpoint = new Endpoint(relay.url, { identity: alice, signal: AbortSignal.abort() });
    while (endpoint.state !== 'closed') await event(endpoint, 'state');
    expect(relay.router.size).toBe(1);
  });
});
