import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { type Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { inProcessBackplane } from '@sws/router';
import { makeCertificate } from '@sws/testing/certificate';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAccessFiles, type Relay, type RelayOptions, startRelay } from '../src/index.js';
import { useCleanup } from './cleanup.js';

// An error that nobody owns ends the process: here it would fail the run.

const folder = temporaryFolder();
const cleanup = useCleanup();
afterAll(folder.remove);
const PATIENCE = { timeout: 10_000 };

/** The server's ends of the connections, oldest first. */
const ends: Socket[] = [];
const noteEnd = (message: unknown): void => void ends.push((message as { socket: Socket }).socket);
beforeEach(() => subscribe('net.server.socket', noteEnd));
afterEach(() => {
  unsubscribe('net.server.socket', noteEnd);
  ends.length = 0;
});

interface Logged {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}
interface Started {
  readonly relay: Relay;
  readonly logged: Logged[];
  /** Whether the client that was there before all else is, without a break, and hears. */
  stays(): Promise<void>;
}
async function start(options: RelayOptions = {}): Promise<Started> {
  const logged: Logged[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, message, fields: { ...fields } });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const relay = await startRelay({ port: 0, chat: false, log, ...options });
  cleanup.push(() => relay.close());
  const [bystander, friend] = [0, 1].map(() => {
    const endpoint = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
    cleanup.push(() => endpoint.close());
    return endpoint;
  });
  if (bystander === undefined || friend === undefined) throw new Error('no endpoints');
  for (const endpoint of [bystander, friend]) await expect.poll(() => endpoint.state, PATIENCE).toBe('registered');
  const states: string[] = [];
  for (const endpoint of [bystander, friend])
    endpoint.addEventListener('state', ({ state }: StateEvent) => states.push(state));
  let got = 0;
  bystander.addEventListener('message', () => got++);
  const stays = async (): Promise<void> => {
    const before = got;
    await friend.send(bystander.address ?? '', 'are you there');
    expect([got, states]).toEqual([before + 1, []]);
  };
  return { relay, logged, stays };
}
const boom = (): Error => Object.assign(new Error('boom'), { code: 'ECONNRESET' });
const lastEnd = async (count: number): Promise<Socket> => {
  await expect.poll(() => ends.length, PATIENCE).toBeGreaterThan(count);
  const end = ends.at(-1);
  if (end === undefined) throw new Error('no connection');
  return end;
};
const upgrade = (protocol = 'sws.v1'): string =>
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

describe.each(['emitted', 'as its end'])('a connection’s error, %s,', (how) => {
  const fail = (socket: Socket): void => {
    if (how === 'as its end') socket.destroy(boom());
    else if (!socket.destroyed) socket.emit('error', boom()); // Node emits none after the end
  };
  test.each([
    ['before a request', ''],
    ['in the middle of a request', 'GET / HT'],
    ['after a request that Node can’t read', 'NONSENSE\r\n\r\n'],
    ['while it is answered', 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['after its answer', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['with a body that never comes', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n'],
    ['refused at the gate', upgrade('other.v1')],
    ['with a key that ws refuses', upgrade().replace('AAAA', '!!!!')],
    ['unregistered', upgrade()],
    ['with a method without a listener', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('affects no other connection: %s', async (_, sent) => {
    const { relay, stays } = await start();
    const count = ends.length;
    const socket = connect(relay.port, '127.0.0.1').on('error', () => {});
    const answered = Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.write(sent);
    const end = await lastEnd(count);
    if (sent.includes('\r\n\r\n')) await answered;
    fail(end);
    fail(end); // a second one finds a socket that is gone
    await stays();
    socket.destroy();
  });

  test('affects no other connection: registered', async () => {
    const { relay, stays } = await start();
    const count = ends.length;
    const endpoint = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
    cleanup.push(() => endpoint.close());
    await expect.poll(() => endpoint.state, PATIENCE).toBe('registered');
    fail(await lastEnd(count));
    await stays();
  });

  test('affects no other connection: being closed', async () => {
    const { relay, stays } = await start();
    const count = ends.length;
    const socket = connect(relay.port, '127.0.0.1').on('error', () => {});
    socket.write(upgrade());
    await once(socket, 'data');
    socket.write(Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0x7b)); // `{` is no frame of registration
    await once(socket, 'data');
    fail(await lastEnd(count));
    await stays();
    socket.destroy();
  });

  test('affects no other connection: during and after the TLS handshake', async () => {
    const own = folder.path('own');
    makeCertificate(own, 'localhost');
    const relay = await startRelay({ port: 0, chat: false, tls: { cert: `${own}.cert`, key: `${own}.key` } });
    cleanup.push(() => relay.close());
    const silent = connect(relay.port, '127.0.0.1').on('error', () => {});
    silent.write(Buffer.of(0x16, 3, 1));
    fail(await lastEnd(0));
    const done = connectTls({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {});
    await once(done, 'secureConnect');
    fail(await lastEnd(1));
    const garbage = connect(relay.port, '127.0.0.1').on('error', () => {});
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await once(garbage, 'close');
    const again = connectTls({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {});
    await once(again, 'secureConnect');
    for (const socket of [silent, done, again]) socket.destroy();
  });
});

test('a listener’s error is logged once a minute, and the relay continues', async () => {
  const { logged, stays, relay } = await start({ metricsListen: { host: '127.0.0.1', port: 0 } });
  await fetch(`http://127.0.0.1:${relay.metricsPort}/healthz`);
  const servers = new Set(ends.map((end) => (end as Socket & { server: Server }).server));
  expect(servers.size).toBe(2);
  for (const server of servers) for (let i = 0; i < 5; i++) server.emit('error', new Error('accept EMFILE'));
  await stays();
  const errors = logged.filter(({ level }) => level === 'error');
  expect(errors.map(({ message }) => message)).toEqual(Array(2).fill('could not accept a connection'));
  expect(errors[0]?.fields).toEqual({ error: 'accept EMFILE', count: 1 });
});

test('a listener’s error during a drain does not end the drain', async () => {
  const relay = await startRelay({ port: 0, chat: false });
  const socket = connect(relay.port, '127.0.0.1').on('error', () => {});
  const end = await lastEnd(0);
  const { server } = end as Socket & { server: Server };
  const draining = relay.drain({ deadlineMs: 50 });
  server.emit('error', new Error('accept EMFILE'));
  await draining;
  socket.destroy();
});

test('a response’s error affects no other', async () => {
  const { relay, stays } = await start();
  const end = ServerResponse.prototype.end;
  cleanup.push(() => {
    ServerResponse.prototype.end = end;
  });
  ServerResponse.prototype.end = function failing(this: ServerResponse) {
    this.destroy(boom());
    return this;
  } as typeof end;
  for (const path of ['healthz', 'metrics', 'else'])
    await expect(fetch(relay.url + path), path).rejects.toThrow('fetch failed');
  ServerResponse.prototype.end = end;
  await stays();
});

test('unreadable metrics give 500', async () => {
  const nats = {
    counters: {},
    get connected(): boolean {
      throw new Error('boom');
    },
  };
  const { relay, stays } = await start({ nats: nats as unknown as NonNullable<RelayOptions['nats']> });
  const answer = await fetch(`${relay.url}metrics`);
  expect([answer.status, await answer.text()]).toEqual([500, 'metrics could not be read\n']);
  await stays();
});

test('a throwing onSocket closes only that client, and is logged', async () => {
  const inner = inProcessBackplane();
  let failing = false;
  const { relay, logged, stays } = await start({
    backplane: {
      ...inner,
      join: (node) => {
        const link = inner.join(node);
        const claim: typeof link.claim = (one) => {
          if (failing) throw new Error('boom');
          link.claim(one);
        };
        return { ...link, claim };
      },
    },
  });
  failing = true;
  const endpoint = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
  cleanup.push(() => endpoint.close());
  await expect
    .poll(() => logged.find(({ level }) => level === 'error'), PATIENCE)
    .toMatchObject({
      message: 'a connection failed',
      fields: { error: 'onSocket: boom' },
    });
  failing = false;
  await expect.poll(() => endpoint.state, PATIENCE).toBe('registered'); // it comes back
  await stays();
});

test('lists are still followed after a change that threw', async () => {
  const allow = folder.path('allow');
  writeFileSync(allow, `${'aa'.repeat(31)}00\n`);
  const told: (string | null)[] = [];
  const access = await openAccessFiles({
    allow,
    tokens: null,
    lookEveryMs: 60_000, // it is told to look
    onReload: (_, __, error) => told.push(error?.message ?? null),
  });
  cleanup.push(() => access.close());
  access.onchange = () => {
    throw new Error('boom');
  };
  writeFileSync(allow, `${'bb'.repeat(31)}00\n`);
  await access.reload();
  expect(told).toEqual([null, 'boom']);
  access.onchange = null;
  writeFileSync(allow, `${'cc'.repeat(31)}00\n`);
  await access.reload();
  expect(told).toEqual([null, 'boom', null]);
  expect(access.allows(`${'cc'.repeat(31)}00`, null)).toBe(true);
});

test.skipIf(process.platform !== 'linux')('a log that can’t be written does not end the relay', async () => {
  const relay = await RelayProcess.start(
    ['--port', '0', '--no-chat', '--identity', folder.path('identity'), '--log-level', 'debug'],
    {},
    openSync('/dev/full', 'w'),
  );
  cleanup.push(() => relay.stop());
  for (let i = 0; i < 20; i++) expect(await (await fetch(`${relay.url}healthz`)).text()).toBe('ok\n');
  const endpoint = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
  cleanup.push(() => endpoint.close());
  await expect.poll(() => endpoint.state, PATIENCE).toBe('registered');
  expect(readFileSync(`/proc/${relay.child.pid}/stat`, 'utf8')).toContain('node');
});
