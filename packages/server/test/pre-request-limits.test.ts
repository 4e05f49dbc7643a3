import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { ServerCounters, type ServeUpgradesOptions } from '../src/index.js';
import { PreRequestLimits, type PreRequestLimitsOptions } from '../src/pre-request-limits.js';
import { TrustedProxies } from '../src/remote-address.js';
import { Client, registered } from './client.js';
import { closed, closing, identity, serve } from './serving.js';

/** Sends a request one byte every 20 ms. */
function dribble(socket: Socket): void {
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'.repeat(3);
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at === request.length) return clearInterval(timer);
    socket.write(request[at++] ?? '');
  }, 20);
  closing.push(() => clearInterval(timer));
}

test('an upgrade request sent byte by byte is cut off, and counted', async () => {
  const { port, attached } = await serve(createHttp(), { handshakeTimeoutMs: 200 });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  dribble(socket);
  await closed(socket);
  expect(attached.counters.refusals.get('slow-handshake')).toBe(1);
});

test('an unfinished TLS handshake is cut off; a finished one is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sws-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'].concat([
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=localhost',
    ]),
    { stdio: 'ignore' },
  );
  const server = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => response.end());
  rmSync(folder, { recursive: true });
  const { port, attached } = await serve(server, { handshakeTimeoutMs: 300 });
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  const quick = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  quick.on('error', () => {});
  await once(quick, 'secureConnect');
  quick.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(quick, 'data');
  await closed(silent);
  expect(attached.counters.refusals.get('slow-handshake')).toBe(1);
  expect(quick.destroyed).toBe(false);
  quick.destroy();
});

test('connections without a request are limited per address until they make one', async () => {
  const { port, attached } = await serve(
    createHttp((_, response) => response.end()),
    { maxPendingPerAddress: 2 },
  );
  const sockets = [0, 1].map(() => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const third = connect(port, '127.0.0.1');
  third.on('error', () => {});
  await closed(third);
  expect(attached.counters.refusals.get('too-many-pending-from-address')).toBe(1);
  for (const socket of sockets) {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
  }
  const host = `127.0.0.1:${port}`;
  const client = await registered(host, identity());
  client.socket.terminate();
  for (const socket of sockets) socket.destroy();
});

describe('on an exclusive server', () => {
  const page = Buffer.alloc(10_000_000);
  const own = (options: Partial<ServeUpgradesOptions> = {}) =>
    serve(
      createHttp((_, response) => response.end(page)),
      { exclusive: true, handshakeTimeoutMs: 300, ...options },
    );
  const brief = () =>
    serve(
      createHttp((_, response) => response.end('short')),
      { exclusive: true, handshakeTimeoutMs: 300 },
    );
  const asking = (port: number, text = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    closing.push(() => socket.destroy());
    return socket;
  };

  test('an unread answer is cut off, and counted', async () => {
    const { port, attached } = await own();
    asking(port).pause();
    await expect.poll(() => attached.counters.refusals.get('slow-reader')).toBe(1);
  });

  test('pipelined requests do not extend the time of an unread answer', async () => {
    const { port, attached } = await own();
    const socket = asking(port);
    socket.pause();
    const timer = setInterval(() => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 50);
    closing.push(() => clearInterval(timer));
    await expect.poll(() => attached.counters.refusals.get('slow-reader')).toBe(1);
  });

  test('a second request sent byte by byte is cut off like a first', async () => {
    const { port, attached } = await brief();
    const socket = asking(port);
    await once(socket, 'data');
    dribble(socket);
    await closed(socket.resume());
    expect(Object.fromEntries(attached.counters.refusals)).toEqual({ 'slow-handshake': 1 });
  });

  test('a client that keeps asking and reading is not cut off', async () => {
    const { port, attached } = await brief();
    const socket = asking(port);
    for (const end = performance.now() + 1_000; performance.now() < end; ) {
      await once(socket, 'data');
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    }
    expect([socket.destroyed, attached.counters.refusals.size]).toEqual([false, 0]);
  });

  test('an answered connection counts for its address until it ends, an upgraded one does not', async () => {
    const { port, attached } = await own({ handshakeTimeoutMs: 10_000, maxPendingPerAddress: 2 });
    const host = `127.0.0.1:${port}`;
    const clients = [await registered(host, identity()), await registered(host, identity())];
    const sockets = [asking(port), asking(port)];
    for (const socket of sockets) await once(socket, 'data');
    await closed(asking(port).resume());
    expect(attached.counters.refusals.get('too-many-pending-from-address')).toBe(1);
    for (const socket of sockets) socket.destroy();
    const answered = async (): Promise<boolean> => {
      const socket = asking(port);
      const answer = once(socket, 'data').then(() => true);
      return Promise.race([answer, closed(socket).then(() => false)]);
    };
    await expect.poll(answered).toBe(true);
    for (const { socket } of clients) socket.terminate();
  });
});

test('behind a trusted proxy only the clients are limited, not the proxy', async () => {
  const { port } = await serve(createHttp(), { maxPendingPerAddress: 1, trustedProxies: ['127.0.0.1'] });
  const host = `127.0.0.1:${port}`;
  const clients = ['203.0.113.1', '203.0.113.2', '203.0.113.3'].map(
    (address) => new Client(host, { headers: { 'X-Forwarded-For': address } }),
  );
  for (const client of clients) await client.challenge();
  for (const { socket } of clients) socket.terminate();
});

test('after close() new connections are refused, and open ones stay', async () => {
  const server = createHttp();
  const { port, attached } = await serve(server);
  const host = `127.0.0.1:${port}`;
  const client = await registered(host, identity());
  attached.close();
  const late = new Client(host);
  const [error] = await once(late.socket, 'error');
  expect(String(error)).toContain('503');
  client.socket.send('{"type":"PING","id":3}');
  expect(String(await client.next())).toBe('{"type":"PONG","id":3}');
  client.socket.terminate();
});

test('after close() a connection without a request is not cut off', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  closing.push(() => vi.useRealTimers());
  const server = createHttp();
  const { port, attached } = await serve(server, { handshakeTimeoutMs: 100 });
  const silent = connect(port, '127.0.0.1').on('error', () => {});
  closing.push(() => silent.destroy());
  const [socket] = await once(server, 'connection');
  attached.close();
  vi.advanceTimersByTime(1_000);
  expect([socket.destroyed, attached.counters.refusals.size]).toEqual([false, 0]);
});

test('a refused request says why, and when to retry if that helps', async () => {
  const { port, attached } = await serve(createHttp());
  const answer = (protocol: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('close', () => resolve(text));
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
      const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
      socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`);
    });
  const end = 'Content-Length: 0\r\n\r\n';
  expect(await answer('other.v1')).toBe(`HTTP/1.1 400 Bad Request\r\nConnection: close\r\n${end}`);
  attached.close();
  const unavailable = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n';
  expect(await answer('sws.v1')).toBe(unavailable + end);
});

test('a refused client that does not close its side is cut off', async () => {
  const server = createHttp();
  const { port } = await serve(server);
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
  closing.push(() => socket.destroy());
  const [end] = await once(server, 'connection');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await closed(end);
});

/** A server without a network, and connections to it by their remote ports. */
function unwired(options: PreRequestLimitsOptions) {
  vi.useFakeTimers();
  closing.push(() => vi.useRealTimers());
  const server = createHttp();
  const counters = new ServerCounters();
  const handshakes = new PreRequestLimits(server, options, new TrustedProxies([]), counters);
  closing.push(() => handshakes.close());
  const connection = (remotePort: number) => {
    const socket = Object.assign(new EventEmitter(), { remoteAddress: '192.0.2.1', remotePort, destroy: vi.fn() });
    server.emit('connection', socket);
    return socket;
  };
  return { handshakes, counters, connection };
}

test('a request extends its own connection’s time only', () => {
  const { handshakes, connection } = unwired({ exclusive: true });
  const asking = connection(1);
  const silent = connection(2);
  vi.advanceTimersByTime(6_000);
  const request = { socket: asking } as unknown as IncomingMessage;
  handshakes.requested(request, new EventEmitter() as unknown as ServerResponse);
  vi.advanceTimersByTime(4_010);
  expect([asking.destroy.mock.calls.length, silent.destroy.mock.calls.length]).toEqual([0, 1]);
  vi.advanceTimersByTime(6_000);
  expect(asking.destroy).toHaveBeenCalledOnce();
});

test('a port that is given out again before its close was told counts once', () => {
  const { counters, connection } = unwired({ maxPendingPerAddress: 2 });
  const [before, after, other] = [connection(1), connection(1), connection(2)];
  before.emit('close');
  connection(3);
  expect(counters.refusals.get('too-many-pending-from-address')).toBe(1);
  after.emit('close');
  connection(4);
  expect([other, after].map(({ destroy }) => destroy.mock.calls.length)).toEqual([0, 0]);
  expect(counters.refusals.get('too-many-pending-from-address')).toBe(1);
});

test('after close() an exclusive server’s requests are no longer counted', () => {
  const { handshakes, counters, connection } = unwired({ exclusive: true });
  const socket = connection(1);
  handshakes.close();
  const response = new EventEmitter();
  handshakes.requested({ socket } as unknown as IncomingMessage, response as unknown as ServerResponse);
  response.emit('finish');
  vi.advanceTimersByTime(20_000);
  expect([socket.destroy.mock.calls.length, counters.refusals.size]).toEqual([0, 0]);
});

test('silent connections are waited for with one timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  closing.push(() => vi.useRealTimers());
  const server = createHttp();
  const { attached } = await serve(server);
  const waiting = vi.spyOn(globalThis, 'setTimeout');
  for (let i = 0; i < 2; i++) server.emit('connection', new Socket());
  vi.advanceTimersByTime(9_999);
  expect([waiting.mock.calls.length, attached.counters.refusals.size]).toEqual([1, 0]);
  waiting.mockRestore();
});

test('a process may end although a connection is silent', async () => {
  const server = createHttp();
  await serve(server);
  const timers = vi.spyOn(globalThis, 'setTimeout');
  server.emit('connection', new Socket());
  expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
  timers.mockRestore();
});

test('a connection that breaks during its refusal breaks nothing else', async () => {
  const server = createHttp();
  await serve(server);
  const broken = new Socket();
  const headers = { 'sec-websocket-protocol': 'other.v1' };
  server.emit('upgrade', { url: '/', headers, socket: broken }, broken, Buffer.alloc(0));
  broken.destroy(new Error('reset by its peer'));
  await closed(broken);
});

test('a connection that closes before its address is read breaks nothing else', async () => {
  const server = createHttp();
  const { attached } = await serve(server, { path: '/sws', trustedProxies: ['127.0.0.1'] });
  server.on('upgrade', () => {});
  const gone = new Socket();
  server.emit('connection', gone);
  for (const url of ['/sws', '/theirs'])
    server.emit(
      'upgrade',
      { url, headers: { 'sec-websocket-protocol': 'sws.v1' }, socket: gone },
      gone,
      Buffer.alloc(0),
    );
  gone.destroy();
  await closed(gone);
  await expect.poll(() => attached.connections).toBe(0);
});

test('options out of range are named in the error', async () => {
  const bad: [Partial<ServeUpgradesOptions>, RegExp][] = [
    [{ hosts: ['https://relay.example/'] }, /hosts: https:/],
    [{ maxMessage: 1_000 }, /maxMessage/],
    [{ trustedProxies: ['nginx'] }, /trustedProxies: nginx/],
  ];
  for (const [options, message] of bad) await expect(serve(createHttp(), options)).rejects.toThrow(message);
});
