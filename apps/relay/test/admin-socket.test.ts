import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Router } from '@sws/router';
import type { ServerSecureWebSocket } from '@sws/server';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, afterEach, expect, test } from 'vitest';
import { administered, disconnect, listConnections, openAdminSocket, readMetrics } from '../src/admin-socket.js';

const folder = temporaryFolder();
afterAll(folder.remove);
const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const [FIRST, SECOND] = [`ab${'01'.repeat(31)}`, `ac${'01'.repeat(31)}`];
const closes: unknown[] = [];
const socketOf = (publicKey: string): ServerSecureWebSocket =>
  ({
    publicKey,
    remoteAddress: publicKey === FIRST ? '192.0.2.1' : null,
    get sinceMs() {
      return performance.now() - 90_400;
    },
    received: { messages: 1, bytes: 2 },
    sentMessages: 3,
    close: (failure: unknown) => closes.push([publicKey, failure]),
  }) as unknown as ServerSecureWebSocket;
const sockets = new Map([FIRST, SECOND].map((key) => [key, socketOf(key)]));

let count = 0;
async function open(path = folder.path(`admin-${count++}`)): Promise<string> {
  const router = { sockets: () => sockets.values(), socketOf: (key: string) => sockets.get(key) };
  const server: Server = await openAdminSocket(
    path,
    administered(router as unknown as Router, async () => 'sws_one 1\n'),
  );
  servers.push(server);
  return path;
}

test('lists connected keys by prefix', async () => {
  const path = await open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const both = await listConnections(path, '');
  const counts = { seconds: 90, receivedMessages: 1, receivedBytes: 2, sentMessages: 3 };
  expect(both).toEqual([
    { key: FIRST, address: '192.0.2.1', ...counts },
    { key: SECOND, address: null, ...counts },
  ]);
  expect((await listConnections(path, 'ac')).map(({ key }) => key)).toEqual([SECOND]);
  expect(await listConnections(path, '&prefix=ab')).toEqual([]);
});

test('disconnects the given key only', async () => {
  const path = await open();
  closes.length = 0;
  expect(await disconnect(path, SECOND)).toBe(true);
  expect(await disconnect(path, `ad${'01'.repeat(31)}`)).toBe(false);
  expect(closes).toEqual([[SECOND, { code: 'forbidden', detail: 'disconnected by the operator of the relay' }]]);
  for (const wrong of ['', FIRST.slice(1), `${FIRST}0`, FIRST.toUpperCase(), '00'.repeat(32)])
    await expect(disconnect(path, wrong)).rejects.toThrow('a public key must be 64 lower-case hex digits');
  expect(closes).toHaveLength(1);
});

test('serves the metrics, or the error', async () => {
  expect(await readMetrics(await open())).toBe('sws_one 1\n');
  const path = folder.path('silent');
  const failing = (): Promise<never> => Promise.reject(new Error('worker 2 gave no answer'));
  servers.push(await openAdminSocket(path, { connections: failing, disconnect: failing, metrics: failing }));
  await expect(listConnections(path, '')).rejects.toThrow('worker 2 gave no answer');
  await expect(disconnect(path, FIRST)).rejects.toThrow('worker 2 gave no answer');
  await expect(readMetrics(path)).rejects.toThrow('worker 2 gave no answer');
});

test('replaces only the socket of a crashed relay', async () => {
  const path = await open();
  await expect(open(path)).rejects.toThrow(`admin: ${path}: `); // alive
  expect(await listConnections(path, 'ab')).toHaveLength(1);
  const plain = folder.path('plain');
  writeFileSync(plain, 'kept');
  await expect(open(plain)).rejects.toThrow(`admin: ${plain}: `);
  expect(existsSync(plain)).toBe(true);
  await expect(listConnections(folder.path('none'), '')).rejects.toThrow(`no relay at ${folder.path('none')}: `);
});

test('a truncated answer is an error', async () => {
  const path = folder.path('short');
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"key"');
      socket.end();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  servers.push(server);
  await expect(listConnections(path, '')).rejects.toThrow();
});
