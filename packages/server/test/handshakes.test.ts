import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { type Attached, type AttachOptions, attach } from '../src/index.js';
import { Client, registered } from './client.js';

const identity = () => Identity.generate(randomBytes, nodeProvider);
const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(
  server: HttpServer | HttpsServer,
  options: Partial<AttachOptions> = {},
): Promise<{ port: number; attached: Attached }> {
  const attached = attach(server, {
    identity: identity(),
    admit: () => ({ ok: true, term: 1, limits, keepalive: 15 }),
    onSocket: (socket) => {
      socket.onmessage = (message) => socket.deliver(message);
    },
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    attached.close();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, attached };
}

/** Unlike `once(socket, 'close')`, an error ahead of it does not matter. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

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

test('an upgrade request that comes a byte at a time is cut, and counted', async () => {
  const { port, attached } = await serve(createHttp(), { handshakeTimeoutMs: 200 });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  dribble(socket);
  await closed(socket);
  expect(attached.counters.refusals.get('slow-handshake')).toBe(1);
});

test('a TLS handshake that does not come to an end is cut; one that does is not', async () => {
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

test('connections without a request are bounded by address; those that made one no longer count', async () => {
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

test('through a trusted proxy only the clients behind it are bounded', async () => {
  const { port } = await serve(createHttp(), { maxPendingPerAddress: 1, trustedProxies: ['127.0.0.1'] });
  const host = `127.0.0.1:${port}`;
  const clients = ['203.0.113.1', '203.0.113.2', '203.0.113.3'].map(
    (address) => new Client(host, { headers: { 'X-Forwarded-For': address } }),
  );
  for (const client of clients) await client.challenge();
  for (const { socket } of clients) socket.terminate();
});

test('after close() nobody is let in, and those who are in stay', async () => {
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

test('options out of their range are named at once', async () => {
  const bad: [Partial<AttachOptions>, RegExp][] = [
    [{ hosts: ['https://relay.example/'] }, /hosts: https:/],
    [{ maxMessage: 1_000 }, /maxMessage/],
    [{ trustedProxies: ['nginx'] }, /trustedProxies: nginx/],
  ];
  for (const [options, message] of bad) await expect(serve(createHttp(), options)).rejects.toThrow(message);
});
