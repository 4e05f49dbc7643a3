// The adapter for uWebSockets.js with a socket of ours. adapters.test.ts runs it in the library itself.
import { encodeMessage } from '@sws/protocol';
import { expect, test, vi } from 'vitest';
import type { AcceptorOptions } from '../src/acceptor.js';
import { type UwsRequest, type UwsSession, type UwsWebSocket, uwsAcceptor } from '../src/adapters/uws.js';
import { answerTo, CorkingSocket, client, collectMessages, countWritten, observe, settle } from './own-socket.js';
import { useOwnClock } from './registered-socket.js';

const bytesOf = (text: string | Uint8Array): ArrayBuffer => Uint8Array.from(Buffer.from(text)).buffer;

class OwnSocket extends CorkingSocket implements UwsWebSocket {
  readonly session: UwsSession;
  constructor(session: UwsSession) {
    super();
    this.session = session;
  }
  getUserData(): UwsSession {
    return this.session;
  }
  send(data: string | Uint8Array, isBinary?: boolean): number {
    return this.record(isBinary === true ? 'binary' : 'text', data);
  }
  end(...given: unknown[]): void {
    this.calls.push(['end', ...given]);
  }
  close(): void {
    this.calls.push('close');
  }
}

useOwnClock();

const HEADERS = { 'sec-websocket-protocol': 'sws.v1', 'sec-websocket-key': 'a key' };

function open(options: Partial<AcceptorOptions<UwsRequest>> = {}) {
  const { options: observed, refusals, newest } = observe();
  const asked: unknown[] = [];
  const acceptor = uwsAcceptor({
    ...observed,
    authorize: ({ request, remoteAddress }) => asked.push([request, remoteAddress]) > 0,
    ...options,
  });
  const { behavior } = acceptor;
  /** What was answered to an upgrade: the calls of its response. */
  const upgrade = (headers: Record<string, string> = HEADERS): unknown[][] => {
    const calls: unknown[][] = [];
    behavior.upgrade(
      {
        writeStatus: (...given) => calls.push(['status', ...given]),
        end: (...given) => calls.push(['end', ...given]),
        getRemoteAddressAsText: () => bytesOf('192.0.2.1'),
        upgrade: (...given) => calls.push(['upgrade', ...given]),
      },
      {
        getUrl: () => '/sws',
        getQuery: () => 'a=b',
        forEach: (callback) => {
          for (const [name, value] of Object.entries(headers)) callback(name, value);
        },
      },
      'the context',
    );
    return calls;
  };
  const register = async () => {
    const [upgraded] = upgrade();
    const socket = new OwnSocket(upgraded?.[1] as UwsSession);
    behavior.open(socket);
    await settle();
    behavior.message(socket, bytesOf(answerTo(socket.sent)), false);
    await settle();
    return { one: newest(), socket };
  };
  return { acceptor, behavior, upgrade, asked, refusals, register };
}

test('a refused upgrade is answered with the reason', () => {
  const { acceptor, upgrade, refusals } = open({
    origins: ['https://chat.example'],
    trustedProxies: ['192.0.2.0/24'],
  });
  const forwarded = { ...HEADERS, origin: 'https://other.example', 'x-forwarded-for': '203.0.113.9' };
  expect(upgrade(forwarded)).toEqual([['status', '403 Forbidden'], ['end']]);
  expect(upgrade({})).toEqual([['status', '400 Bad Request'], ['end']]);
  acceptor.close();
  expect(upgrade()).toEqual([['status', '503 Service Unavailable'], ['end']]);
  expect(refusals).toMatchObject([
    { reason: 'origin', remoteAddress: '203.0.113.9' },
    { reason: 'subprotocol', remoteAddress: '192.0.2.1' },
    { reason: 'restarting', remoteAddress: '192.0.2.1' },
  ]);
});

test('an accepted upgrade has its key and the subprotocol; `authorize` gets a copy of the request', async () => {
  const { acceptor, behavior, upgrade, asked, register } = open({ maxMessage: 100_000 });
  expect(upgrade()[0]?.slice(2)).toEqual(['a key', 'sws.v1', '', 'the context']);
  const { socket } = await register();
  const request = { url: '/sws', query: 'a=b', headers: new Map(Object.entries(HEADERS)) };
  expect(asked).toEqual([[request, '192.0.2.1']]);
  expect([acceptor.connections, acceptor.counters.registered]).toEqual([2, 1]);
  behavior.close(socket, 1000, bytesOf(''));
  expect(acceptor.connections).toBe(1);
});

test('the library gets no compression, pings or timeouts', () => {
  expect(open({ maxMessage: 100_000 }).behavior).toMatchObject({
    compression: 0,
    maxPayloadLength: Math.ceil((100_000 * 2 * 4) / 3) + 1_024,
    maxBackpressure: 16_777_216,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    sendPingsAutomatically: false,
  });
});

test('one turn’s messages are corked together, and reported as written once sent', async () => {
  const { behavior, register } = open();
  const { one, socket } = await register();
  const written = countWritten(one);
  socket.calls.length = 0;
  socket.buffered = 200;
  one.deliver(new Uint8Array(100));
  one.notify({ type: 'PING', id: 1 });
  await settle();
  expect([socket.calls, written.count]).toEqual([['cork', 'binary', 'text', 'uncork'], 0]);
  socket.buffered = 0;
  behavior.drain(socket);
  expect(written.count).toBe(1); // the PING is the relay's own
});

test('messages, pings and pongs are passed on and counted, with their own bytes', async () => {
  const { acceptor, behavior, register } = open();
  const { one, socket } = await register();
  const got = collectMessages(one);
  const message = encodeMessage(client.publicKeyBytes(), Uint8Array.of(1, 2, 3));
  const lent = bytesOf(message);
  behavior.message(socket, lent, true);
  new Uint8Array(lent).fill(0); // the library takes them back
  expect(got.map((bytes) => [...bytes])).toEqual([[...message]]);
  const before = acceptor.counters.receivedBytes;
  behavior.ping(socket, new ArrayBuffer(5));
  behavior.pong(socket, new ArrayBuffer(7));
  expect([acceptor.counters.receivedFrames, acceptor.counters.receivedBytes - before]).toEqual([2, 12]);
});

test('closes with code and reason, and is cut off if the client does not answer', async () => {
  const { register } = open();
  const { one, socket } = await register();
  socket.calls.length = 0;
  one.close({ code: 'forbidden', detail: 'why' });
  expect(socket.calls.at(-1)).toEqual(['end', 4403, 'why']);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.calls.at(-1)).toBe('close');
});

test.each([
  [1006, 'Received too big message', 'message-too-large'],
  [1006, 'Received invalid UTF-8', 'bad-frame'],
  [1006, '', null],
  [1000, 'bye', null],
])('an end that the library saw with %i and "%s" is counted as %s', async (code, said, cause) => {
  const { acceptor, behavior, register } = open();
  const { one, socket } = await register();
  const closed = vi.fn();
  one.onclose = closed;
  behavior.close(socket, code, bytesOf(said));
  expect(Object.fromEntries(acceptor.counters.refusals)).toEqual(cause === null ? {} : { [cause]: 1 });
  expect(closed).toHaveBeenCalledOnce();
});
