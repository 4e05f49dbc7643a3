// The `ws`-shaped server in virtual time: the members that `ws` has, and what the tests over a real relay do not come to.
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ClientSecureWebSocket } from '../src/index.js';
import { SecureWebSocketServer, type SecureWebSocketServerOptions, WsPeerSocket } from '../src/ws/index.js';
import { upgradeRequest } from '../src/ws/upgrade-request.js';
import { newIdentity } from './relay.js';
import { pass, VirtualNetwork, virtualTime } from './virtual-network.js';

let network: VirtualNetwork;
let restore: () => void;
let servers: SecureWebSocketServer[];
beforeEach(() => {
  restore = virtualTime();
  network = new VirtualNetwork();
  servers = [];
});
afterEach(async () => {
  await Promise.all([...servers.map(({ endpoint }) => endpoint.close({ graceMs: 0 })), pass(2_000)]);
  restore();
});

function serve(options: Partial<SecureWebSocketServerOptions> = {}): SecureWebSocketServer {
  const server = new SecureWebSocketServer({
    relay: 'ws://localhost:8787/',
    identity: newIdentity(),
    WebSocket: network.WebSocket,
    ...options,
  });
  servers.push(server);
  return server;
}

function dial(server: SecureWebSocketServer, path = '/', protocols: string[] = []): ClientSecureWebSocket {
  const options = { identity: newIdentity(), WebSocket: network.WebSocket };
  const socket = new ClientSecureWebSocket(`${server.url}${path}`, protocols, options);
  socket.binaryType = 'arraybuffer';
  return socket;
}

async function pair(options: Partial<SecureWebSocketServerOptions> = {}) {
  const server = serve(options);
  let accepted: WsPeerSocket | null = null;
  server.on('connection', (socket) => {
    accepted = socket;
  });
  await pass(500);
  const client = dial(server);
  await pass(500);
  if (accepted === null) throw new Error('no connection');
  return { server, client, socket: accepted as WsPeerSocket };
}

describe('a socket', () => {
  test('has ws’s constants and enumerable accessors', async () => {
    const { socket } = await pair();
    for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])
      for (const [ours, theirs] of [
        [WsPeerSocket, WebSocket],
        [WsPeerSocket.prototype, WebSocket.prototype],
      ] as const)
        expect(Object.getOwnPropertyDescriptor(ours, name)).toEqual(Object.getOwnPropertyDescriptor(theirs, name));
    // `ws` assigns these two methods, which makes them enumerable.
    const assigned = ['addEventListener', 'removeEventListener'];
    const shown = Object.keys(WebSocket.prototype).filter((name) => !assigned.includes(name));
    expect(Object.keys(WsPeerSocket.prototype).sort()).toEqual(shown.sort());
    expect([socket.extensions, socket.protocol, socket.isPaused, socket.bufferedAmount]).toEqual(['', '', false, 0]);
    expect(socket.url).toBe(`ws://localhost:8787/${socket.peer}/`);
  });

  test('accepts ws’s binaryTypes, and ignores others', async () => {
    const { socket } = await pair();
    const types = ['arraybuffer', 'blob', 'fragments', 'nodebuffer'].map((type) => {
      socket.binaryType = type as 'nodebuffer';
      return socket.binaryType;
    });
    expect(types).toEqual(['arraybuffer', 'arraybuffer', 'fragments', 'nodebuffer']);
  });

  test('has one handler attribute for each event', async () => {
    const { socket, client } = await pair();
    const heard: unknown[] = [];
    for (const name of ['onopen', 'onmessage', 'onclose', 'onerror'] as const) {
      expect(socket[name]).toBeNull();
      const handler = ({ type }: { type: string }) => heard.push(type);
      socket[name] = handler;
      expect(socket[name]).toBe(handler);
    }
    socket.emit('open');
    socket.emit('error', new Error('made up'));
    client.send('x');
    await pass(200);
    client.close();
    await pass(500);
    expect(heard).toEqual(['open', 'error', 'message', 'close']);
    socket.onclose = null;
    expect(socket.onclose).toBeNull();
  });

  test('pings and pongs with at most 125 bytes, and calls back', async () => {
    const { socket, client } = await pair();
    const pongs: string[] = [];
    socket.on('pong', (data: Buffer) => pongs.push(String(data)));
    const called: unknown[] = [];
    const done = (error?: Error) => called.push(error?.message);
    socket.ping(7, done);
    socket.ping(done);
    socket.ping(new Uint8Array(125), true, done);
    socket.pong('x', done);
    socket.pong(undefined, false, done);
    for (const send of ['ping', 'pong'] as const)
      expect(() => socket[send](new Uint8Array(126))).toThrow(
        new RangeError('The data size must not be greater than 125 bytes'),
      );
    await pass(1_000);
    expect([called, pongs]).toEqual([Array(5).fill(undefined), ['7', '', '\0'.repeat(125)]]);
    client.close();
    await pass(1_000);
    socket.ping(new Uint8Array(126), done);
    socket.pong(new Uint8Array(126), done);
    await pass(100);
    expect(called.slice(5)).toEqual(Array(2).fill('WebSocket is not open: readyState 3 (CLOSED)'));
    expect(pongs).toHaveLength(3);
  });

  test('delivered resolves when the peer has everything, and rejects after a close', async () => {
    const { socket, client } = await pair();
    socket.send('x');
    const delivered = socket.delivered();
    await pass(500);
    await delivered;
    network.muted.add(socket.peer);
    socket.send('y');
    const lost = socket.delivered().catch(({ code }: { code: string }) => code);
    const called: unknown[] = [];
    const full = Buffer.alloc(1_048_576);
    for (const data of [full, 'more']) socket.send(data, (error) => called.push(error?.name));
    await pass(100);
    expect(called).toEqual([]);
    socket.terminate();
    await pass(500);
    expect([await lost, called]).toEqual(['closed', ['SwsError', 'SwsError']]);
    client.close();
  });

  test('sends like ws: numbers as text, nothing as zero bytes', async () => {
    const { socket, client } = await pair();
    const got: unknown[] = [];
    client.onmessage = ({ data }) => got.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
    socket.send(7);
    socket.send(7, { binary: true });
    socket.send(null as never);
    socket.send([1, 2] as never);
    socket.send(new Blob(['blob']));
    expect(() => socket.send({} as never)).toThrow(TypeError);
    expect(() => socket.send(Buffer.of(0xff), { binary: false })).toThrow(TypeError);
    socket.send(Buffer.from('\ufeffmarked'), { binary: false });
    await pass(500);
    expect(got).toEqual(['7', [0x37], [], [1, 2], [...Buffer.from('blob')], '\ufeffmarked']);
  });

  test('closes once, with codes that can be sent', async () => {
    const { socket, client } = await pair();
    for (const code of [999, 1004, 1005, 1006, 5000]) expect(() => socket.close(code)).toThrow(TypeError);
    expect(() => socket.close(1000, 'x'.repeat(124))).toThrow(
      new RangeError('The message must not be greater than 123 bytes'),
    );
    const closes: unknown[] = [];
    client.onclose = ({ code, reason, wasClean }) => closes.push([code, reason, wasClean]);
    socket.on('close', (code: number, reason: Buffer) => closes.push([code, String(reason)]));
    socket.close(1011, Buffer.from('x'.repeat(123)));
    expect(() => socket.close(999)).not.toThrow(); // it is closing
    await pass(500);
    expect(closes.sort()).toEqual([
      [1011, 'x'.repeat(123)],
      [1011, 'x'.repeat(123), true],
    ]);
    socket.pause();
    expect(socket.isPaused).toBe(false);
  });

  test('stays paused after it closed', async () => {
    const { socket } = await pair();
    socket.pause();
    socket.terminate();
    await pass(500);
    socket.resume();
    expect([socket.readyState, socket.isPaused]).toEqual([3, true]);
  });

  test('closes without a code if none is given', async () => {
    const { socket, client } = await pair();
    let code = 0;
    client.onclose = (end) => {
      code = end.code;
    };
    socket.close();
    await pass(500);
    expect(code).toBe(1005);
  });

  test('ends with its request’s connection, and the other way round', async () => {
    const { server, client } = await pair();
    const ends: number[] = [];
    client.onclose = ({ code }) => ends.push(code);
    const [socket] = server.clients;
    socket?._socket.destroy();
    await pass(1_000);
    expect([ends, socket?.readyState]).toEqual([[1006], 3]);
    const other = dial(server);
    await pass(500);
    const [second] = server.clients;
    other.close();
    await pass(500);
    expect([second?._socket.destroyed, server.clients.size]).toEqual([true, 0]);
  });

  test('a listener’s exception is uncaught, and the channel continues', async () => {
    const { socket, client } = await pair();
    const uncaught: unknown[] = [];
    const { nextTick } = process;
    const catching = (task: (...given: unknown[]) => void, ...given: unknown[]): void =>
      nextTick(() => {
        try {
          task(...given);
        } catch (error) {
          uncaught.push(error);
        }
      });
    const spy = vi.spyOn(process, 'nextTick').mockImplementation(catching as typeof nextTick);
    const got: string[] = [];
    socket.on('message', (data: Buffer) => {
      got.push(String(data));
      throw new Error(String(data));
    });
    client.send('a');
    client.send('b');
    await pass(500);
    spy.mockRestore();
    expect([got, uncaught.map(String)]).toEqual([
      ['a', 'b'],
      ['Error: a', 'Error: b'],
    ]);
    expect(client.bufferedAmount).toBe(0);
  });
});

describe('a server', () => {
  test('has its path, URL and address', async () => {
    const server = serve({ path: '/only' });
    expect([server.path, server.url, server.address()]).toEqual(['/only', null, null]);
    await pass(500);
    const { address } = server.endpoint;
    expect(server.url).toBe(`ws://localhost:8787/${address}`);
    expect(server.address()).toEqual({ address, family: 'SWS', port: 8_787 });
    const ports = ['ws://localhost/', 'wss://localhost/'].map(async (relay) => {
      const other = serve({ relay });
      await pass(500);
      return other.address();
    });
    expect(await Promise.all(ports)).toMatchObject([{ port: 80 }, { port: 443 }]);
    expect(serve().path).toBe('');
  });

  test('throws on handleUpgrade', () => {
    const given = [{} as IncomingMessage, null, Buffer.alloc(0), () => {}] as const;
    expect(() => serve().handleUpgrade(...given)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test('handles only its path, with any query', () => {
    const server = serve({ path: '/only' });
    const handled = (url: string) => server.shouldHandle({ url } as IncomingMessage);
    expect(['/only', '/only?x=1', '/', '/only/more'].map(handled)).toEqual([true, true, false, false]);
    expect(serve().shouldHandle({ url: '/any' } as IncomingMessage)).toBe(true);
  });

  test('listens once, and tracks clients unless told not to', async () => {
    const onListening = vi.fn();
    const server = new SecureWebSocketServer(
      { relay: 'ws://localhost/', identity: newIdentity(), WebSocket: network.WebSocket, clientTracking: false },
      onListening,
    );
    servers.push(server);
    const listening = vi.fn();
    server.on('listening', listening);
    await pass(500);
    network.cut();
    await pass(5_000);
    expect([onListening.mock.calls.length, listening.mock.calls.length, server.clients]).toEqual([1, 1, undefined]);
    const connected = vi.fn();
    server.on('connection', connected);
    const client = dial(server);
    await pass(500);
    expect(connected).toHaveBeenCalledOnce();
    client.close();
    await pass(500);
    expect(client.readyState).toBe(3);
  });

  test('closes when the last client is gone, calls back once each, and then has no address', async () => {
    const { server, client } = await pair();
    const heard: unknown[] = [];
    server.on('close', () => heard.push('close'));
    server.close((error) => heard.push(error));
    server.close((error) => heard.push(error));
    await pass(1_000);
    expect(heard).toEqual([]);
    client.close();
    await pass(3_000);
    expect([heard, server.address(), server.endpoint.state]).toEqual([['close', undefined, undefined], null, 'closed']);
    server.close((error) => heard.push(error?.message));
    await pass(100);
    expect(heard.slice(3)).toEqual(['close', 'The server is not running']);
    const other = serve();
    other.on('close', () => heard.push('other'));
    other.close();
    other.close();
    await pass(3_000);
    expect(heard.slice(5)).toEqual(['other']);
  });

  test('verifies later; until then a client is connecting', async () => {
    const answers: ((ok: boolean, code?: number, message?: string) => void)[] = [];
    const server = serve({ verifyClient: (_info, answer) => void answers.push(answer) });
    await pass(500);
    const [first, second, third] = [dial(server), dial(server), dial(server)];
    await pass(500);
    third.close();
    await pass(500);
    expect(answers.length).toBe(3);
    expect([first.readyState, second.readyState]).toEqual([0, 0]);
    answers[0]?.(true);
    answers[1]?.(false, 403, 'not you');
    answers[2]?.(true);
    await pass(500);
    expect([first.readyState, second.readyState, third.readyState, server.clients.size]).toEqual([1, 3, 3, 1]);
  });

  test('emits an error when it is down for good, unless it is closing', async () => {
    const server = serve();
    const errors: string[] = [];
    server.on('error', (error) => errors.push((error as Error & { code: string }).code));
    await pass(500);
    network.sockets[0]?.onclose?.({ code: 4403 });
    await pass(500);
    expect(errors).toEqual(['forbidden']);
    const other = serve();
    other.on('error', (error) => errors.push(String(error)));
    await pass(500);
    dial(other);
    await pass(500);
    other.close();
    network.sockets[1]?.onclose?.({ code: 4403 });
    await pass(500);
    expect(errors).toEqual(['forbidden']);
  });
});

test('an upgrade request has the usual fields and headers', () => {
  const peer = newIdentity().publicKey;
  const channelId = new Uint8Array(16);
  const request = upgradeRequest(
    { peer, resource: '/a?b', protocols: ['v1', 'v2'], channelId } as never,
    'relay.example',
  );
  expect([request.method, request.url, request.httpVersion, request.complete]).toEqual(['GET', '/a?b', '1.1', true]);
  const headers = {
    host: 'relay.example',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': expect.stringMatching(/^[\w+/]{22}==$/),
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'v1, v2',
  };
  expect(request.headers).toEqual(headers);
  expect(request.rawHeaders).toEqual(Object.entries(request.headers).flat());
  expect([request.socket.remoteAddress, (request.socket as { encrypted?: boolean }).encrypted]).toEqual([peer, true]);
  expect(request.read()).toBeNull();
  const plain = upgradeRequest({ peer, resource: '/', protocols: [], channelId } as never, 'relay.example');
  expect('sec-websocket-protocol' in plain.headers).toBe(false);
});
