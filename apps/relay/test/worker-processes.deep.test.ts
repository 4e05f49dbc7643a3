import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { complaintsOf, LiveTransfer } from '@sws/testing/live-transfer';
import { RawClient } from '@sws/testing/raw-client';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { childrenOf, readUsage } from '@sws/testing/usage';
import { afterAll, describe, expect, test } from 'vitest';
import { disconnect, listConnections } from '../src/admin-socket.js';
import { useCleanup } from './cleanup.js';

const folder = temporaryFolder();
const cleanup = useCleanup();
const PATIENCE = { timeout: 15_000, interval: 20 };
afterAll(folder.remove);

const newIdentity = (): Identity => Identity.generate(randomBytes, nodeProvider);
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

async function start(
  workers: number,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RelayProcess> {
  const flags = ['--port', '0', '--no-chat', '--identity', folder.path('identity'), '--workers', String(workers)];
  const relay = await RelayProcess.start([...flags, ...args], env);
  cleanup.push(async () => {
    const all = [relay.child.pid ?? -1, ...workersOf(relay)];
    await relay.stop();
    for (const pid of all) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return relay;
}
const workersOf = (relay: RelayProcess): number[] => childrenOf(relay.child.pid ?? -1);
const urlOf = (relay: RelayProcess): string => `ws://127.0.0.1:${relay.port}/`;

async function connect(relay: RelayProcess, identity = newIdentity()): Promise<RawClient> {
  const client = await RawClient.connect(urlOf(relay), identity);
  cleanup.push(() => client.close());
  return client;
}
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

describe.skipIf(!existsSync('/proc/self/task'))('workers (skipped where there is no /proc)', () => {
  test('all clients reach each other; metrics, connections and `disconnect` cover all workers', async () => {
    const admin = folder.path('admin.sock');
    const relay = await start(2, ['--admin', admin, '--metrics-listen', '0']);
    const metricsUrl = `http://127.0.0.1:${(await relay.logged('listening')).metricsPort}/`;
    const clients = await Promise.all(Array.from({ length: 9 }, () => connect(relay)));
    const heard = clients.map(() => new Set<string>());
    clients.forEach((client, i) => {
      client.onmessage = (from) => heard[i]?.add(Buffer.from(from).toString('hex'));
    });
    const keys = clients.map(({ publicKey }) => publicKey);
    await expect
      .poll(() => {
        for (const client of clients) for (const key of keys) client.send(key, new Uint8Array(10));
        return heard.map(({ size }) => size);
      }, PATIENCE)
      .toEqual(Array(9).fill(9));
    expect(await metric(metricsUrl, 'sws_registered_keys')).toBe(9);
    expect(await metric(metricsUrl, 'sws_connections_total')).toBe(9);
    expect(await metric(metricsUrl, 'sws_workers')).toBe(2);
    expect(await metric(metricsUrl, 'sws_workers_messages_total')).toBeGreaterThanOrEqual(9);
    // The memory is that of all processes, the first as well.
    const memory = [relay.child.pid ?? -1, ...workersOf(relay)].map((pid) => readUsage(pid)?.rssBytes ?? 0);
    const least = memory.reduce((sum, bytes) => sum + bytes) - Math.min(...memory) / 2;
    expect(await metric(metricsUrl, 'process_resident_memory_bytes')).toBeGreaterThan(least);
    expect((await fetch(`${urlOf(relay).replace('ws', 'http')}metrics`)).status).toBe(404); // elsewhere, and there alone
    expect((await listConnections(admin, '')).map(({ key }) => key).sort()).toEqual([...keys].sort());
    const [gone = ''] = keys;
    const closed = new Promise((resolve) => {
      if (clients[0]) clients[0].onclose = resolve;
    });
    expect(await disconnect(admin, gone)).toBe(true);
    expect(await closed).toBe(4403);
    expect(await disconnect(admin, newIdentity().publicKey)).toBe(false);
  });

  test('a key that registers repeatedly at any worker is connected once: the newest', async () => {
    const relay = await start(2);
    const identity = newIdentity();
    const closes: number[] = [];
    const clients: RawClient[] = [];
    for (let i = 0; i < 7; i++) {
      const client = await connect(relay, identity);
      client.onclose = (code) => closes.push(code);
      clients.push(client);
    }
    await expect.poll(() => closes, PATIENCE).toEqual(Array(6).fill(4409));
    expect(clients.at(-1)?.socket.readyState).toBe(1);
    const heard: number[] = [];
    const last = clients.at(-1);
    if (last) last.onmessage = (_, content) => heard.push(content[0] ?? -1);
    const senders = [await connect(relay), await connect(relay)];
    senders.forEach((sender, i) => {
      sender.send(identity.publicKey, new Uint8Array([i]));
    });
    await expect.poll(() => [...heard].sort(), PATIENCE).toEqual([0, 1]);
  });

  test('connection limits hold for all workers together', async () => {
    const config = folder.path('limits.toml');
    writeFileSync(config, 'max-connections-per-address = 6\n');
    const relay = await start(2, ['--config', config]);
    const tryAll = async (count: number): Promise<RawClient[]> => {
      const open: RawClient[] = [];
      for (let i = 0; i < count; i++) {
        const client = await RawClient.connect(urlOf(relay), newIdentity()).catch(() => null);
        if (client === null) continue;
        open.push(client);
        cleanup.push(() => client.close());
        // What a worker has let in is known to the others at the end of the turn.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return open;
    };
    const open = await tryAll(12);
    expect(open.length).toBe(6);
    // Whoever keeps only those at one worker gets no more than others.
    for (const client of open.filter((_, i) => i % 2 !== 0)) client.close();
    await expect.poll(() => metric(relay.url, 'sws_connections'), PATIENCE).toBe(3);
    expect((await tryAll(12)).length).toBe(3);
    writeFileSync(config, 'max-connections-per-address = 8\n');
    relay.child.kill('SIGHUP');
    await relay.until(() => relay.log.filter(({ msg }) => msg === 'limits changed').length === 2, 'reload everywhere');
    expect((await tryAll(12)).length).toBe(2);
  });

  test('killed workers are replaced under traffic, and nothing is lost', { timeout: 60_000 }, async () => {
    const relay = await start(2);
    const url = urlOf(relay);
    const transfers = await Promise.all(
      Array.from({ length: 4 }, () =>
        LiveTransfer.start({ senderUrl: url, receiverUrl: url, paceMs: 10, messageBytes: 2_000 }),
      ),
    );
    const received = await metric(relay.url, 'sws_received_messages_total');
    expect(received).toBeGreaterThan(0);
    const before = workersOf(relay);
    for (const pid of before) {
      const sofar = transfers.map((transfer) => transfer.received);
      process.kill(pid, 'SIGKILL');
      await expect
        .poll(() => transfers.every((transfer, i) => transfer.received > (sofar[i] ?? 0) + 20), PATIENCE)
        .toBe(true);
    }
    const results = await Promise.all(transfers.map((transfer) => transfer.finish(30_000)));
    expect(complaintsOf(results)).toEqual([]);
    await relay.until(
      () => relay.log.filter(({ msg }) => msg === 'a worker listens in its place').length === 2,
      'replace both',
    );
    expect(workersOf(relay).filter((pid) => before.includes(pid))).toEqual([]);
    expect(relay.log.filter(({ msg }) => msg === 'a worker has died: it is replaced').length).toBe(2);
    expect(await metric(relay.url, 'sws_worker_restarts_total')).toBe(2);
    // What the dead had counted stays counted.
    expect(await metric(relay.url, 'sws_received_messages_total')).toBeGreaterThan(received);
  });

  test('SIGTERM to the process group drains every worker', async () => {
    const relay = await start(2, ['--drain-spread', '0.2', '--drain-deadline', '5']);
    const notices: string[] = [];
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(relay)));
    for (const client of clients)
      client.onnotice = (text) => {
        notices.push(text);
        client.close();
      };
    const workers = workersOf(relay);
    expect(workers.length).toBe(2);
    for (const pid of [...workers, relay.child.pid ?? -1]) process.kill(pid, 'SIGTERM');
    expect(await relay.exited).toBe(0);
    expect(notices.map((text) => JSON.parse(text).type)).toEqual(Array(4).fill('RESTARTING'));
    expect(workers.filter(isAlive)).toEqual([]);
    expect(relay.log.filter(({ msg }) => msg === 'drained').map(({ worker }) => worker)).toEqual(
      expect.arrayContaining([1, 2, undefined]),
    );
  });

  test('a worker that dies during a drain makes it fail', async () => {
    const relay = await start(2, ['--drain-delay', '300']);
    const [one = -1, other = -1] = workersOf(relay);
    relay.child.kill('SIGTERM');
    await relay.until(() => relay.log.filter(({ msg }) => msg === 'draining').length === 2, 'drain both');
    for (const pid of [one, other]) process.kill(pid, 'SIGKILL');
    expect(await relay.exited).toBe(1);
  });

  test('when the first process is killed, its workers close their clients and exit', async () => {
    const temporary = folder.path('temporary');
    mkdirSync(temporary);
    const relay = await start(2, ['--drain-spread', '0.2', '--drain-deadline', '2'], { TMPDIR: temporary });
    expect(readdirSync(temporary).length).toBe(1);
    const client = await connect(relay);
    const notices: string[] = [];
    client.onnotice = (text) => {
      notices.push(JSON.parse(text).type);
      client.close();
    };
    const workers = workersOf(relay);
    await relay.stop('SIGKILL');
    await expect.poll(() => workers.filter(isAlive), PATIENCE).toEqual([]);
    expect(notices).toEqual(['RESTARTING']);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('a warning about the settings is logged once for all workers', async () => {
    const relay = await start(2, [], { SWS_NONSENSE: '1' });
    expect(relay.log.filter(({ level }) => level === 40).map(({ msg }) => msg)).toEqual([
      'SWS_NONSENSE in the environment is not a setting',
    ]);
  });

  test('a start error is printed once', async () => {
    const taken = await start(1);
    const failed = RelayProcess.spawn([
      ...['--port', String(taken.port), '--workers', '2', '--no-chat', '--identity', folder.path('identity')],
    ]);
    expect(await failed.exited).toBe(1);
    expect(failed.stderr.trim().split('\n')).toEqual([expect.stringMatching(/^sws-relay: port \d+ .* is in use/)]);
  });
});
