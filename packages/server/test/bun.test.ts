// The adapter for Bun with a socket of ours: tests that need no Bun. adapters.test.ts runs it in Bun itself.
import { encodeMessage } from '@sws/protocol';
import { expect, test, vi } from 'vitest';
import type { AcceptorOptions } from '../src/acceptor.js';
import { type BunServer, type BunSession, type BunWebSocket, bunAcceptor } from '../src/adapters/bun.js';
import { answerTo, CorkingSocket, client, collectMessages, countWritten, observe, settle } from './own-socket.js';
import { useOwnClock } from './registered-socket.js';

class OwnSocket extends CorkingSocket implements BunWebSocket {
  readonly data: BunSession;
  constructor(data: BunSession) {
    super();
    this.data = data;
  }
  send(data: string | Uint8Array): number {
    return this.record('send', data);
  }
  close(...given: unknown[]): void {
    this.calls.push(['close', ...given]);
  }
  terminate(): void {
    this.calls.push('terminate');
  }
}

useOwnClock();

const request = (headers: Record<string, string> = {}): Request =>
  new Request('http://localhost/', {
    headers: { upgrade: 'WebSocket', 'sec-websocket-protocol': 'sws.v1', ...headers },
  });

function open(options: Partial<AcceptorOptions<Request>> = {}) {
  const { options: observed, refusals, newest } = observe();
  const asked: unknown[] = [];
  const acceptor = bunAcceptor({
    ...observed,
    authorize: ({ request: { url }, remoteAddress }) => asked.push([url, remoteAddress]) > 0,
    ...options,
  });
  const bun = { address: '192.0.2.1' as string | null, upgrades: true, sessions: [] as BunSession[], headers: {} };
  const server: BunServer = {
    requestIP: () => (bun.address === null ? null : { address: bun.address }),
    upgrade(_request, { data, headers }) {
      bun.headers = headers;
      if (bun.upgrades) bun.sessions.push(data);
      return bun.upgrades;
    },
  };
  const register = async () => {
    expect(acceptor.upgrade(request(), server)).toBeUndefined();
    const socket = new OwnSocket(bun.sessions.at(-1) as BunSession);
    acceptor.websocket.open(socket);
    await settle();
    acceptor.websocket.message(socket, answerTo(socket.sent));
    await settle();
    return { one: newest(), socket };
  };
  return { acceptor, server, bun, asked, refusals, register };
}

test('a request without a WebSocket, and a refused one, get an HTTP answer', () => {
  const { acceptor, server, bun, refusals } = open({
    origins: ['https://chat.example'],
    trustedProxies: ['192.0.2.0/24'],
  });
  const plain = acceptor.upgrade(new Request('http://localhost/'), server);
  expect([plain?.status, plain?.headers.get('upgrade')]).toEqual([426, 'websocket']);
  const other = acceptor.upgrade(
    request({ origin: 'https://other.example', 'x-forwarded-for': '203.0.113.9' }),
    server,
  );
  expect([other?.status, other?.statusText]).toEqual([403, 'Forbidden']);
  const none = acceptor.upgrade(new Request('http://localhost/', { headers: { upgrade: 'websocket' } }), server);
  expect([none?.status, none?.statusText]).toEqual([400, 'Bad Request']);
  expect(refusals).toMatchObject([
    { reason: 'origin', remoteAddress: '203.0.113.9' },
    { reason: 'subprotocol', remoteAddress: '192.0.2.1' },
  ]);
  bun.address = null;
  expect(acceptor.upgrade(request({ origin: 'https://chat.example' }), server)).toBeUndefined();
  acceptor.close();
  expect(acceptor.upgrade(request(), server)?.status).toBe(503);
  expect(bun.sessions).toHaveLength(1);
});

test('a failed upgrade is answered, and no longer counts', () => {
  const { acceptor, server, bun } = open();
  bun.upgrades = false;
  expect([acceptor.upgrade(request(), server)?.status, acceptor.connections]).toEqual([400, 0]);
});

test('Bun gets the subprotocol, and no pings, timeouts or compression', async () => {
  const { acceptor, bun, asked, register } = open({ maxMessage: 100_000 });
  const { socket } = await register();
  expect(acceptor.websocket).toMatchObject({
    perMessageDeflate: false,
    maxPayloadLength: Math.ceil((100_000 * 2 * 4) / 3) + 1_024,
    backpressureLimit: 16_777_216,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    sendPings: false,
  });
  expect([bun.headers, asked]).toEqual([{ 'Sec-WebSocket-Protocol': 'sws.v1' }, [['http://localhost/', '192.0.2.1']]]);
  expect([acceptor.connections, acceptor.counters.registered]).toEqual([1, 1]);
  acceptor.websocket.close(socket, 1000, '');
  expect(acceptor.connections).toBe(0);
});

test('one turn’s messages are corked together, and reported as written once Bun has sent them', async () => {
  const { acceptor, register } = open();
  const { one, socket } = await register();
  const written = countWritten(one);
  socket.calls.length = 0;
  socket.buffered = 200;
  for (let i = 0; i < 2; i++) one.deliver(new Uint8Array(100));
  await settle();
  expect([socket.calls, written.count]).toEqual([['cork', 'send', 'send', 'uncork'], 0]);
  socket.buffered = 0;
  acceptor.websocket.drain(socket);
  expect(written.count).toBe(2);
});

test('messages, pings and pongs are passed on and counted, but none of a connection that never opened', async () => {
  const { acceptor, server, bun, register } = open();
  const { one, socket } = await register();
  const got = collectMessages(one);
  const message = encodeMessage(client.publicKeyBytes(), Uint8Array.of(1, 2, 3));
  acceptor.websocket.message(socket, message);
  expect(got.map((bytes) => [...bytes])).toEqual([[...message]]);
  const before = acceptor.counters.receivedBytes;
  acceptor.websocket.ping(socket, new Uint8Array(5));
  acceptor.websocket.pong(socket, new Uint8Array(7));
  expect([acceptor.counters.receivedFrames, acceptor.counters.receivedBytes - before]).toEqual([2, 12]);
  acceptor.upgrade(request(), server);
  const early = new OwnSocket(bun.sessions.at(-1) as BunSession);
  const { websocket } = acceptor;
  websocket.message(early, message);
  websocket.ping(early, message);
  websocket.drain(early);
  websocket.close(early, 1006, '');
  expect([got.length, acceptor.counters.receivedFrames, acceptor.connections]).toEqual([1, 2, 1]);
});

test('closes with code and reason, and is cut off if the client does not answer', async () => {
  const { register } = open();
  const { one, socket } = await register();
  socket.calls.length = 0;
  one.close({ code: 'forbidden', detail: '' });
  await vi.advanceTimersByTimeAsync(1_900);
  expect(socket.calls.filter((call) => Array.isArray(call) || call === 'terminate')).toEqual([
    ['close', 4403, expect.any(String)],
  ]);
  await vi.advanceTimersByTimeAsync(200);
  expect(socket.calls.at(-1)).toBe('terminate');
});

test.each([
  [1009, 'message-too-large'],
  [1002, 'bad-frame'],
  [1007, 'bad-frame'],
  [1006, null],
  [1000, null],
])('Bun’s close with %i counts as %s', async (code, cause) => {
  const { acceptor, register } = open();
  const { one, socket } = await register();
  const closed = vi.fn();
  one.onclose = closed;
  acceptor.websocket.close(socket, code, '');
  expect(Object.fromEntries(acceptor.counters.refusals)).toEqual(cause === null ? {} : { [cause]: 1 });
  expect(closed).toHaveBeenCalledOnce();
});
