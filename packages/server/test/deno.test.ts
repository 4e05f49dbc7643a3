// The adapter for Deno with a socket of ours: tests that need no Deno. adapters.test.ts runs it in Deno itself.
import { encodeMessage } from '@sws/protocol';
import { expect, test, vi } from 'vitest';
import { type DenoAcceptorOptions, type DenoWebSocket, denoAcceptor } from '../src/adapters/deno.js';
import type { ServerSecureWebSocket } from '../src/index.js';
import { answerTo, client, collectMessages, countWritten, observe, settle } from './own-socket.js';
import { useOwnClock } from './registered-socket.js';

class OwnSocket implements DenoWebSocket {
  binaryType = 'blob';
  bufferedAmount = 0;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closes: unknown[] = [];
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }
  close(...given: unknown[]): void {
    this.closes.push(given);
  }
}

useOwnClock();

const request = (headers: Record<string, string> = {}): Request =>
  new Request('http://localhost/', {
    headers: { upgrade: 'WebSocket', 'sec-websocket-protocol': 'sws.v1', ...headers },
  });
const info = { remoteAddr: { hostname: '192.0.2.1' } };

function open(options: Partial<DenoAcceptorOptions> = {}) {
  const socket = new OwnSocket();
  const upgrades: unknown[] = [];
  const { options: observed, newest } = observe();
  const response = new Response(null);
  const acceptor = denoAcceptor({
    ...observed,
    upgradeWebSocket: (asked, given) => {
      upgrades.push([asked.url, given]);
      return { socket, response };
    },
    ...options,
  });
  const register = async (): Promise<ServerSecureWebSocket> => {
    expect(acceptor.handler(request(), info)).toBe(response);
    socket.onopen?.({} as never);
    await settle();
    socket.onmessage?.({ data: answerTo(socket.sent) });
    await settle();
    return newest();
  };
  return { acceptor, socket, upgrades, register };
}

test('a request without a WebSocket, and a refused one, get an HTTP answer', () => {
  const { acceptor, upgrades } = open({ origins: ['https://chat.example'] });
  const plain = acceptor.handler(new Request('http://localhost/'), info);
  expect([plain.status, plain.headers.get('upgrade')]).toEqual([426, 'websocket']);
  const other = acceptor.handler(request({ origin: 'https://other.example' }), info);
  expect([other.status, other.statusText]).toEqual([403, 'Forbidden']);
  const none = acceptor.handler(new Request('http://localhost/', { headers: { upgrade: 'websocket' } }), {
    remoteAddr: {},
  });
  expect([none.status, none.statusText]).toEqual([400, 'Bad Request']);
  acceptor.close();
  expect(acceptor.handler(request(), info).status).toBe(503);
  expect(upgrades).toEqual([]);
});

test('Deno gets the subprotocol, and no idle timeout', async () => {
  const { upgrades, register, socket, acceptor } = open();
  await register();
  expect(upgrades).toEqual([['http://localhost/', { protocol: 'sws.v1', idleTimeout: 0 }]]);
  expect([socket.binaryType, acceptor.connections, acceptor.counters.registered]).toEqual(['arraybuffer', 1, 1]);
  socket.onerror?.({} as never);
  socket.onclose?.({ code: 1000 });
  expect(acceptor.connections).toBe(0);
});

test('messages arrive as text and as bytes; others are ignored', async () => {
  const { register, socket } = open();
  const one = await register();
  const got = collectMessages(one);
  const message = encodeMessage(client.publicKeyBytes(), Uint8Array.of(1, 2, 3));
  socket.onmessage?.({ data: message.slice().buffer });
  socket.onmessage?.({ data: message });
  socket.onmessage?.({ data: new Blob(['x']) });
  expect(got.map((bytes) => [...bytes])).toEqual([[...message], [...message]]);
});

test('a message is reported as written once Deno has sent it, checked every 20 ms by one timer', async () => {
  const { register, socket } = open();
  const one = await register();
  const written = countWritten(one);
  const timers = vi.getTimerCount();
  socket.bufferedAmount = 300;
  for (let i = 0; i < 3; i++) {
    one.deliver(new Uint8Array(100));
    await settle();
  }
  await vi.advanceTimersByTimeAsync(100);
  expect([written.count, vi.getTimerCount()]).toEqual([0, timers + 1]);
  socket.bufferedAmount = 0;
  await vi.advanceTimersByTimeAsync(20);
  expect([written.count, vi.getTimerCount()]).toEqual([3, timers]);
});

test('closes with a code that Deno allows, or with none', async () => {
  for (const [code, close] of [
    ['normal', [1000, '']],
    ['forbidden', [4403, '']],
    ['try-again-later', []],
  ] as const) {
    const { register, socket } = open();
    const one = await register();
    one.close({ code, detail: '' });
    expect(socket.closes).toEqual([close]);
  }
});

test('a too large message closes its connection, and the library’s close is counted by cause', async () => {
  const { register, socket, acceptor } = open();
  await register();
  // One that is read may still be more than the protocol takes.
  const read = new Uint8Array(175_787);
  read[0] = 1;
  socket.onmessage?.({ data: read });
  const { counters } = acceptor;
  expect([counters.receivedBytes, counters.refusals.get('message-too-large')]).toEqual([175_787, 1]);
  const large = open();
  await large.register();
  large.socket.onmessage?.({ data: new ArrayBuffer(175_788) });
  const { receivedBytes, refusals } = large.acceptor.counters;
  expect([large.socket.closes, receivedBytes, refusals.get('message-too-large')]).toEqual([[[]], 0, 1]);
  for (const [code, cause] of [
    [1009, 'message-too-large'],
    [1002, 'bad-frame'],
    [1007, 'bad-frame'],
  ] as const) {
    const ended = open();
    await ended.register();
    ended.socket.onclose?.({ code });
    expect(ended.acceptor.counters.refusals.get(cause)).toBe(1);
  }
  const lost = open();
  await lost.register();
  lost.socket.onclose?.({ code: 1006 });
  expect(lost.acceptor.counters.refusals.size).toBe(0);
});
