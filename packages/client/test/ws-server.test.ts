import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Identity } from '@sws/crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWebSocketStream, type WebSocket } from 'ws';
import { ClientSecureWebSocket, type SecureErrorEvent } from '../src/index.js';
import { SecureWebSocketServer, type SecureWebSocketServerOptions, type WsPeerSocket } from '../src/ws/index.js';
import { event, newIdentity, startRelay, type TestRelay } from './relay.js';

let alice: Identity;
let relay: TestRelay;
let server: SecureWebSocketServer;

async function serve(options: Partial<SecureWebSocketServerOptions> = {}): Promise<SecureWebSocketServer> {
  server = new SecureWebSocketServer({ relay: relay.url, identity: newIdentity(), ...options });
  await once(server, 'listening');
  return server;
}

function dial(path = '/', protocols: string[] = []): ClientSecureWebSocket {
  const socket = new ClientSecureWebSocket(server.url + path, protocols, { identity: alice });
  socket.binaryType = 'arraybuffer';
  return socket;
}

/** A client and the server's end of it, both open. */
async function pair(
  path = '/',
  protocols: string[] = [],
): Promise<[ClientSecureWebSocket, WsPeerSocket, IncomingMessage]> {
  const connection = once(server, 'connection');
  const socket = dial(path, protocols);
  const [accepted, request] = await connection;
  if (socket.readyState === 0) await event(socket, 'open');
  return [socket, accepted, request];
}

beforeEach(async () => {
  alice = newIdentity();
  relay = await startRelay();
});
afterEach(async () => {
  for (const client of server.clients) client.terminate();
  const closed = new Promise((resolve) => server.close(resolve));
  await closed;
  await relay.kill();
});

test('a request and a socket have what server libraries read', async () => {
  await serve();
  const [, socket, request] = await pair('/room/7?x=1', ['v1', 'v2']);
  expect([request.url, request.method, request.headers['sec-websocket-protocol']]).toEqual([
    '/room/7?x=1',
    'GET',
    'v1, v2',
  ]);
  expect(request.socket.remoteAddress).toBe(alice.publicKey);
  expect(request.headers.host).toBe(`127.0.0.1:${relay.port}`);
  expect([socket.protocol, socket.readyState, socket.peer]).toEqual(['v1', 1, alice.publicKey]);
  expect([...server.clients]).toEqual([socket]);
  expect(server.address()).toEqual({ address: server.endpoint.address, family: 'SWS', port: relay.port });
});

test('one Sec-WebSocket-Key per connection, the same in the policy and in `connection`', async () => {
  const asked: unknown[] = [];
  await serve({ verifyClient: ({ req }) => asked.push(req.headers['sec-websocket-key']) });
  const [, , first] = await pair();
  const [, , second] = await pair();
  const keys = [first, second].map(({ headers }) => headers['sec-websocket-key'] ?? '');
  expect(asked).toEqual(keys);
  expect(new Set(keys).size).toBe(2);
  for (const key of keys) expect(Buffer.from(key, 'base64')).toHaveLength(16);
});

test('messages arrive in every binaryType and listener style; text is a Buffer with isBinary false', async () => {
  await serve();
  const [client, socket] = await pair();
  const next = async (type: WsPeerSocket['binaryType'], sent: string | Uint8Array<ArrayBuffer>) => {
    socket.binaryType = type;
    client.send(sent);
    return once(socket, 'message');
  };
  expect(await next('nodebuffer', 'héllo')).toEqual([Buffer.from('héllo'), false]);
  expect(await next('nodebuffer', Uint8Array.of(1, 2))).toEqual([Buffer.of(1, 2), true]);
  expect(await next('arraybuffer', Uint8Array.of(3))).toEqual([Uint8Array.of(3).buffer, true]);
  expect(await next('fragments', Uint8Array.of(4))).toEqual([[Buffer.of(4)], true]);
  const heard: unknown[] = [];
  const listener = ({ type, data }: { type: string; data?: unknown }) => heard.push([type, data]);
  socket.addEventListener('message', listener);
  socket.addEventListener('message', listener);
  socket.onmessage = listener;
  await next('nodebuffer', 'text');
  socket.removeEventListener('message', listener);
  socket.onmessage = null;
  await next('nodebuffer', 'unheard');
  // Once as a listener, once as the attribute.
  expect(heard).toEqual(Array(2).fill(['message', 'text']));
});

test('send accepts what ws accepts, and calls back, after close with an error', async () => {
  await serve();
  const [client, socket] = await pair();
  const got: unknown[] = [];
  const eight = new Promise<void>((resolve) => {
    client.onmessage = ({ data }) => {
      got.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
      if (got.length === 8) resolve();
    };
  });
  const back = await new Promise((resolve) => socket.send('text', resolve));
  socket.send(Buffer.of(1));
  socket.send(Uint8Array.of(2).buffer);
  socket.send(Buffer.from('as text'), { binary: false });
  socket.send('as bytes', { binary: true }, () => {});
  // Each view is sent as its bytes, and nothing beside them.
  const words = Uint16Array.of(0x0101, 0x0302, 0x0504, 0x0707);
  socket.send(words.subarray(1, 3));
  socket.send(new DataView(words.buffer, 3, 2));
  socket.send(Buffer.of(6, 7, 8).subarray(1));
  await eight;
  expect(got).toEqual([
    'text',
    [1],
    [2],
    'as text',
    [...Buffer.from('as bytes')],
    [...new Uint8Array(words.buffer, 2, 4)],
    [...new Uint8Array(words.buffer, 3, 2)],
    [7, 8],
  ]);
  expect(back).toBeUndefined();
  expect(() => socket.send('part', { fin: false })).toThrow(TypeError);
  socket.close(4001, 'enough');
  const error = await new Promise((resolve) => socket.send('late', resolve));
  expect(String(error)).toContain('WebSocket is not open: readyState 2 (CLOSING)');
});

test('code that awaits send goes no faster than the peer reads', async () => {
  await serve();
  const [, socket] = await pair();
  const chunk = Buffer.alloc(262_144);
  let peak = 0;
  for (let i = 0; i < 64; i++) {
    await new Promise((resolve) => socket.send(chunk, resolve));
    peak = Math.max(peak, socket.bufferedAmount);
  }
  expect(peak).toBeGreaterThan(0);
  // A megabyte, and what grows while the way to the peer shows no end: not all of it.
  expect(peak).toBeLessThan(32 * chunk.length);
});

test('close codes and reasons arrive as in ws; terminate gives 1006 on both sides at once', async () => {
  await serve();
  const [client, socket] = await pair();
  const closes = [once(socket, 'close'), event<CloseEvent>(client, 'close')] as const;
  client.close(4002, 'bye');
  expect(await closes[0]).toEqual([4002, Buffer.from('bye')]);
  expect((await closes[1]).wasClean).toBe(true);
  const [other, terminated] = await pair();
  const ends = [once(terminated, 'close'), event<CloseEvent>(other, 'close')] as const;
  expect(() => terminated.close(1005)).toThrow(TypeError);
  expect(() => terminated.close(1000, 'x'.repeat(124))).toThrow(RangeError);
  terminated.terminate();
  expect(terminated.readyState).toBe(2);
  expect(await ends[0]).toEqual([1006, Buffer.alloc(0)]);
  const { code, wasClean } = await ends[1];
  expect([code, wasClean, terminated.readyState, server.clients.size]).toEqual([1006, false, 3, 0]);
});

test('ping is answered by the peer’s process with the same data, after a relay restart too', async () => {
  await serve();
  const [, socket] = await pair();
  const pong = once(socket, 'pong');
  socket.ping('are you there?');
  expect(await pong).toEqual([Buffer.from('are you there?')]);
  const interrupted = once(socket, 'interrupted');
  await relay.kill();
  await interrupted;
  const late = once(socket, 'pong');
  socket.ping();
  relay = await startRelay(relay.port);
  expect(await late).toEqual([Buffer.alloc(0)]);
  expect(socket.readyState).toBe(1);
});

test('pause holds messages and the close after them; resume releases them in order', async () => {
  await serve();
  const [client, socket] = await pair();
  const seen: unknown[] = [];
  socket.on('message', (data: Buffer) => seen.push(String(data)));
  socket.on('close', (code: number) => seen.push(code));
  socket.pause();
  expect(socket.isPaused).toBe(true);
  for (const text of ['a', 'b', 'c']) client.send(text);
  client.close(1000);
  await event(client, 'close');
  expect(seen).toEqual([]);
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
  expect(seen).toEqual(['a', 'b', 'c', 1000]);
});

describe('who may connect', () => {
  const outcome = async (path: string, protocols: string[] = []) => {
    const socket = dial(path, protocols);
    const closed = event<CloseEvent>(socket, 'close');
    const failed = event<SecureErrorEvent>(socket, 'error');
    const first = await Promise.race([event(socket, 'open'), failed]);
    if (first.type === 'error') return (first as SecureErrorEvent).code;
    const { protocol } = socket;
    socket.close();
    await closed;
    return `open ${protocol}`;
  };

  test('verifyClient, path and handleProtocols decide, at once or later; options may change meanwhile', async () => {
    await serve({
      verifyClient: ({ req, secure }) => secure && req.url !== '/no',
      handleProtocols: (offered, request) => request.url !== '/none' && ([...offered].at(-1) ?? false),
    });
    expect(await outcome('/no')).toBe('refused');
    expect(await outcome('/yes', ['a', 'b'])).toBe('open b');
    // The standard fails a client that offers subprotocols and gets none.
    expect(await outcome('/none', ['a'])).toBe('handshake-failed');
    server.options.verifyClient = (_info, answer) => void setImmediate(answer, false, 403, 'not you');
    expect(await outcome('/later')).toBe('refused');
    server.options.verifyClient = async () => false;
    expect(await outcome('/promised')).toBe('refused');
    server.options.path = '/only';
    expect(await outcome('/other')).toBe('refused');
  });
});

test('close refuses new connections, keeps open ones, and calls back when the last is gone', async () => {
  await serve();
  const [client, socket] = await pair();
  let closed = false;
  const done = new Promise<void>((resolve) =>
    server.close(() => {
      closed = true;
      resolve();
    }),
  );
  const refused = await event<SecureErrorEvent>(dial(), 'error');
  expect(refused.code).toBe('refused');
  const echo = once(socket, 'message');
  client.send('still here');
  expect(String((await echo)[0])).toBe('still here');
  expect(closed).toBe(false);
  client.close();
  await done;
  const again = await new Promise<Error | undefined>((resolve) => server.close(resolve));
  expect(again?.message).toBe('The server is not running');
});

test('ws’s createWebSocketStream works both ways, ended by either side', async () => {
  await serve();
  const [client, socket] = await pair();
  const stream = createWebSocketStream(socket as unknown as WebSocket);
  const closed = event<CloseEvent>(client, 'close');
  const answer = event<MessageEvent>(client, 'message');
  stream.once('data', (data: Buffer) => stream.write(Buffer.from(data).reverse()));
  client.send(Uint8Array.of(1, 2, 3));
  expect([...new Uint8Array((await answer).data)]).toEqual([3, 2, 1]);
  stream.end();
  stream.resume();
  expect((await closed).wasClean).toBe(true);
});

test('a relay’s permanent refusal is an error of the server', async () => {
  const identity = newIdentity();
  await serve({ identity });
  const replaced = once(server, 'error');
  // The same key registers twice, under another name for the relay: the newest wins.
  const options = { identity, waitForPeerMs: 20_000 };
  const rival = new ClientSecureWebSocket(`ws://localhost:${relay.port}/${alice.publicKey}`, [], options);
  rival.onerror = () => {};
  const [error] = await replaced;
  rival.close();
  expect(error).toMatchObject({ name: 'SwsError', code: 'replaced' });
});
