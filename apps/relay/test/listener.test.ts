import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isHandedOver, Listeners, listen, listenOnHandedOver } from '../src/listener.js';

const HOST = '127.0.0.1';
const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
function http(answer = true): Server {
  const server = createServer((_, response) => void (answer && response.end('ok')));
  servers.push(server);
  return server;
}
const dial = (port: number): Socket => {
  const socket = connect(port, HOST).on('error', () => {});
  sockets.push(socket);
  return socket;
};
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

describe('a port in use', () => {
  test('is an error that names wait-for-port', async () => {
    const port = await listen(http(), { port: 0, host: HOST });
    await expect(listen(http(), { port, host: HOST })).rejects.toThrow(
      `port ${port} of ${HOST} is in use; wait-for-port waits for it`,
    );
  });

  test('is waited for, which is logged once, and taken as soon as it is free', async () => {
    const first = http();
    const port = await listen(first, { port: 0, host: HOST });
    const second = http();
    const tries = vi.spyOn(second, 'listen');
    const onWait = vi.fn();
    const waiting = listen(second, { port, host: HOST, waitMs: 60_000, onWait });
    await expect.poll(() => tries.mock.calls.length, { timeout: 10_000 }).toBeGreaterThan(3);
    first.close();
    expect([await waiting, onWait.mock.calls.length]).toEqual([port, 1]);
  });

  test('is an error with the waiting time if it stays in use', async () => {
    const port = await listen(http(), { port: 0, host: HOST });
    const tries = http();
    const spy = vi.spyOn(tries, 'listen');
    await expect(listen(tries, { port, host: HOST, waitMs: 200 })).rejects.toThrow(
      `port ${port} of ${HOST} is still in use after 0.2 s`,
    );
    // One every 25 ms, and fewer where the machine is busy.
    expect(spy.mock.calls.length).toBeGreaterThan(1);
    expect(spy.mock.calls.length).toBeLessThan(12);
  });

  test('other errors are Node’s own and immediate', async () => {
    await expect(listen(http(), { port: 0, host: '192.0.2.1', waitMs: 60_000 })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });
});

test('uses descriptor 3 from systemd if it is meant for this process', async () => {
  const { pid } = process;
  const given: [Record<string, string>, boolean][] = [
    [{ LISTEN_PID: String(pid), LISTEN_FDS: '1' }, true],
    [{ LISTEN_PID: String(pid), LISTEN_FDS: '2' }, true],
    [{ LISTEN_PID: String(pid + 1), LISTEN_FDS: '1' }, false],
    [{ LISTEN_PID: String(pid), LISTEN_FDS: '0' }, false],
    [{ LISTEN_PID: String(pid) }, false],
    [{}, false],
  ];
  for (const [environment, is] of given) expect(isHandedOver(environment)).toBe(is);
  const server = http();
  const listening = vi.spyOn(server, 'listen').mockImplementation(() => {
    setImmediate(() => server.emit('listening'));
    return server;
  });
  vi.spyOn(server, 'address').mockReturnValue({ port: 7 } as AddressInfo);
  expect(await listenOnHandedOver(server)).toBe(7);
  expect(listening.mock.calls).toEqual([[{ fd: 3 }]]);
});

describe('listeners', () => {
  test('stop frees the ports and ends idle connections only', async () => {
    const [idle, busy] = [http(), http(false)];
    const ports = await Promise.all([idle, busy].map((server) => listen(server, { port: 0, host: HOST })));
    const [quiet, working] = ports.map(dial);
    if (quiet === undefined || working === undefined) throw new Error('no sockets');
    quiet.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(quiet, 'data');
    working.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(busy, 'request');
    const listeners = new Listeners([idle, busy, http()]); // the third never listened
    const ended = closed(quiet);
    listeners.stop();
    listeners.stop();
    await ended;
    expect([idle.listening, busy.listening, working.destroyed]).toEqual([false, false, false]);
    await listen(http(), { port: ports[0] ?? 0, host: HOST });

    const cut = closed(working);
    await listeners.close();
    await cut;
  });

  test('close gives connections 200 ms to end', async () => {
    const server = http(false);
    const port = await listen(server, { port: 0, host: HOST });
    dial(port).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(server, 'request');
    const cut = vi.spyOn(server, 'closeAllConnections');
    const delays = vi.spyOn(globalThis, 'setTimeout');
    await new Listeners([server]).close();
    expect([cut.mock.calls.length, delays.mock.calls.map(([, ms]) => ms).includes(200)]).toEqual([1, true]);
  });

  test('close does not wait if all have ended, and leaves no timer', async () => {
    const server = http();
    await listen(server, { port: 0, host: HOST });
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    const cut = vi.spyOn(server, 'closeAllConnections');
    await new Listeners([server]).close();
    expect([cleared.mock.calls.length > 0, cut.mock.calls.length]).toEqual([true, 0]);
  });
});
