import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { closed, closing, serve } from './serving.js';

describe('upgrades that are not ours', () => {
  const upgrade = (port: number, path: string, protocol = 'sws.v1'): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    closing.push(() => socket.destroy());
    const head = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${head}\r\n${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`);
    return socket;
  };
  const statusOf = async (socket: Socket): Promise<string> => String(await once(socket, 'data')).slice(9, 12);

  test('are refused by path if nobody else listens; a trailing slash and a query do not matter', async () => {
    const refusals: unknown[] = [];
    for (const path of ['/sws', '/sws/']) {
      const { port, attached } = await serve(createHttp(), { path, onRefused: (refusal) => refusals.push(refusal) });
      const paths = ['/sws', '/sws/', '/sws?x=1', '/', '/sw', '/swss', '/sws/more'];
      const statuses = await Promise.all(paths.map((asked) => statusOf(upgrade(port, asked))));
      expect(statuses).toEqual(['101', '101', '101', '404', '404', '404', '404']);
      expect(attached.counters.refusals.get('path')).toBe(4);
      expect(await statusOf(upgrade(port, '/', 'other.v1'))).toBe('400');
    }
    const told = refusals.filter((refusal) => (refusal as { reason: string }).reason === 'path');
    expect(told[0]).toEqual({ reason: 'path', detail: 'the upgrade was refused', remoteAddress: '127.0.0.1' });
    expect(told).toHaveLength(8);
  });

  test('are left to other listeners; an unanswered one is cut off, and counted', async () => {
    const server = createHttp();
    server.on('upgrade', ({ url }, socket) => {
      if (url === '/theirs') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    });
    const { port, attached } = await serve(server, { path: '/sws', handshakeTimeoutMs: 300, maxPendingPerAddress: 2 });
    const theirs = upgrade(port, '/theirs');
    expect(await statusOf(theirs)).toBe('101');
    const nobodys = [upgrade(port, '/nobodys'), upgrade(port, '/nobodys')];
    const ended = Promise.all(nobodys.map(closed));
    const third = upgrade(port, '/theirs'); // two are pending, and theirs no longer is
    await closed(third);
    await ended;
    expect(Object.fromEntries(attached.counters.refusals)).toEqual({
      'too-many-pending-from-address': 1,
      'unanswered-upgrade': 2,
    });
    expect([theirs.destroyed, await statusOf(upgrade(port, '/theirs'))]).toEqual([false, '101']);
  });

  test('are not watched after close()', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    closing.push(() => vi.useRealTimers());
    const server = createHttp();
    server.on('upgrade', () => {});
    const { port, attached } = await serve(server, { handshakeTimeoutMs: 100 });
    attached.close();
    upgrade(port, '/', 'other.v1');
    const [, socket] = await once(server, 'upgrade');
    vi.advanceTimersByTime(1_000);
    expect([socket.destroyed, attached.counters.refusals.size]).toEqual([false, 0]);
  });

  test('new limits apply before and after the upgrade', async () => {
    const { port, attached } = await serve(createHttp(), { maxPendingPerAddress: 1 });
    const silent = connect(port, '127.0.0.1').on('error', () => {});
    await once(silent, 'connect');
    await closed(upgrade(port, '/'));
    attached.setBounds({ maxPendingPerAddress: 3, maxConnections: 2 });
    expect(await statusOf(upgrade(port, '/'))).toBe('101');
    expect(await statusOf(upgrade(port, '/'))).toBe('101');
    expect(await statusOf(upgrade(port, '/'))).toBe('503');
    expect(Object.fromEntries(attached.counters.refusals)).toEqual({
      'too-many-pending-from-address': 1,
      'too-many-connections': 1,
    });
    silent.destroy();
  });
});
