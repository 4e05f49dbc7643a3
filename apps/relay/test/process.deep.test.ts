import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Endpoint, type StateEvent } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { freePort } from '@sws/testing/free-port';
import { LiveTransfer } from '@sws/testing/live-transfer';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, describe, expect, test } from 'vitest';
import { useCleanup } from './cleanup.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const folder = temporaryFolder();
const cleanup = useCleanup();
const PATIENCE = { timeout: 15_000, interval: 10 };
afterAll(folder.remove);

const identityFlags = (): string[] => ['--identity', folder.path('identity')];
async function start(args: string[], env: Record<string, string> = {}): Promise<RelayProcess> {
  const relay = await RelayProcess.start(['--port', '0', '--no-chat', ...identityFlags(), ...args], env);
  cleanup.push(() => relay.stop());
  return relay;
}
async function client(url: string, options: { serverKey?: string } = {}): Promise<Endpoint> {
  const endpoint = new Endpoint(url, { identity: Identity.generate(randomBytes), ...options });
  cleanup.push(() => endpoint.close());
  await expect.poll(() => endpoint.state, PATIENCE).toMatch(/registered|down/);
  return endpoint;
}

describe('starting', () => {
  test('a start error is one line that names the setting', async () => {
    const taken = await start([]);
    for (const [args, complaint] of [
      [['--port', String(taken.port)], /port \d+ of 127\.0\.0\.1 is in use; wait-for-port waits for it/],
      [['--nats', `nats://127.0.0.1:${await freePort()}`], /nats: nats:\/\/127\.0\.0\.1:\d+: connection refused/],
      [['--cert', folder.path('no.pem'), '--key', folder.path('no.key')], /no\.pem/],
    ] as const) {
      const failed = RelayProcess.spawn(['--port', '0', ...identityFlags(), ...args]);
      expect(await failed.exited).toBe(1);
      const lines = failed.stderr.trim().split('\n');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(complaint);
      expect(lines[0]).toMatch(/^sws-relay: /);
    }
  });

  test('the identity persists, is readable by its owner only, and can be shared', async () => {
    const file = folder.path('kept');
    const another = (): Promise<RelayProcess> => start(['--identity', file]);
    const [first, second] = await Promise.all([another(), another()]); // neither finds it, and both get the same
    expect(first.serverKey).toMatch(/^[0-9a-f]{64}$/);
    expect(second.serverKey).toBe(first.serverKey);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await first.stop();
    expect((await another()).serverKey).toBe(first.serverKey);
    expect((await client(second.url, { serverKey: first.serverKey })).state).toBe('registered');
  });

  test('a rotated identity is used from the next start; clients with the old pin are refused, with the new one admitted', async () => {
    const file = folder.path('rotated');
    const run = (verb: string): string =>
      execFileSync(process.execPath, [MAIN, '--identity', file, 'identity', verb], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const old = run('show').trim();
    const next = run('prepare').trim();
    expect([run('show').trim(), run('prepare').trim()]).toEqual([old, next]);
    expect(run('rotate')).toBe(`Old server key: ${old}\nNew server key: ${next}\n`);
    const relay = await start(['--identity', file]);
    expect(relay.serverKey).toBe(next);
    expect((await client(relay.url, { serverKey: next })).state).toBe('registered');
    const pinned = await client(relay.url, { serverKey: old });
    expect(pinned.state).toBe('down');
    expect(readFileSync(`${file}.previous`, 'utf8')).toHaveLength(65);
  });
});

describe('logs', () => {
  test('are JSON lines with shortened keys and connection numbers', async () => {
    const relay = await start(['--log-level', 'debug']);
    const someone = await client(relay.url);
    await fetch(`${relay.url}${someone.address}?token=secret`);
    const registered = await relay.logged('registered');
    expect(registered).toMatchObject({ connection: 1, address: '127.0.0.1', key: `${someone.address?.slice(0, 8)}…` });
    await someone.close();
    expect(await relay.logged('closed')).toMatchObject({ connection: 1 });
    const answered = await relay.logged('request');
    expect(answered).toMatchObject({
      request: 1,
      method: 'GET',
      status: 404,
      path: `/${someone.address?.slice(0, 8)}…`,
    });
    expect(relay.stderr).not.toContain(someone.address);
    expect(relay.stderr).not.toContain('secret');
    for (const line of relay.stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('time');
  });

  test('contain single connections at debug only', async () => {
    const relay = await start([]);
    await (await client(relay.url)).close();
    expect(relay.log.map(({ msg }) => msg)).toEqual(['listening']);
  });
});

describe('stopping', () => {
  test('SIGTERM drains: not ready at once, clients leave after the delay, exit 0', async () => {
    const aside = await freePort();
    const flags = ['--metrics-listen', String(aside), '--drain-delay', '1', '--drain-spread', '0.2'];
    const relay = await start(flags);
    const someone = await client(relay.url);
    const failures: (string | undefined)[] = [];
    someone.addEventListener('state', ({ failure }: StateEvent) => failures.push(failure?.code));
    const ready = async (url: string): Promise<number> => (await fetch(`${url}readyz`)).status;
    expect(await ready(relay.url)).toBe(200);
    relay.child.kill('SIGTERM');
    await relay.logged('draining');
    expect(await ready(relay.url)).toBe(503); // still listening: a load balancer finds out before anyone is sent away
    expect(someone.state).toBe('registered');
    expect(await ready(`http://127.0.0.1:${aside}/`)).toBe(503);
    expect(await relay.exited).toBe(0);
    expect(failures[0]).toBe('restarting');
    expect(relay.log.map(({ msg }) => msg)).toEqual(['listening', 'draining', 'the port is free', 'drained']);
  });

  test('SIGINT drains too, and a second signal ends at once', async () => {
    const relay = await start(['--drain-delay', '300']);
    await client(relay.url);
    relay.child.kill('SIGINT');
    await relay.logged('draining');
    relay.child.kill('SIGTERM');
    expect(await relay.exited).toBe(1);
    expect(relay.log.at(-1)).toMatchObject({ msg: 'a second signal: ending at once', clients: 1 });
  });

  test('a drain that fails is logged with the reason, and the exit code is 1', async () => {
    // Nothing from outside makes it fail: Node does, here, where the ports are to be freed.
    const broken = "import { Server } from 'node:http'; Server.prototype.close = () => { throw new Error('no end'); };";
    writeFileSync(folder.path('broken.mjs'), broken);
    const relay = await start([], { NODE_OPTIONS: `--import=${pathToFileURL(folder.path('broken.mjs'))}` });
    relay.child.kill('SIGTERM');
    expect(await relay.exited).toBe(1);
    expect(relay.log.at(-1)).toMatchObject({ level: 50, msg: 'draining failed', error: 'Error: no end' });
  });
});

describe('TLS', () => {
  const certificate = (name: string, host: string): void => {
    const files = ['-keyout', folder.path(`${name}.key`), '-out', folder.path(`${name}.pem`)];
    const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    execFileSync('openssl', ['req', '-x509', ...what, ...names, ...files], { stdio: 'ignore' });
  };
  const servedName = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });

  test('a renewed certificate is served without a restart, a broken one is not', async () => {
    certificate('one', 'one.example');
    certificate('two', 'two.example');
    const [cert, key] = [folder.path('live.pem'), folder.path('live.key')];
    copyFileSync(folder.path('one.pem'), cert);
    copyFileSync(folder.path('one.key'), key);
    const aside = await freePort();
    const relay = await start(['--cert', cert, '--key', key, '--metrics-listen', String(aside)]);
    expect(relay.url).toMatch(/^https:/);
    expect(await servedName(relay.port)).toBe('one.example');
    const metrics = await (await fetch(`http://127.0.0.1:${aside}/metrics`)).text();
    const end = Number(/^sws_certificate_expiry_seconds (\S+)/m.exec(metrics)?.[1]);
    expect(end * 1000 - Date.now()).toBeGreaterThan(29 * 86_400_000);

    writeFileSync(cert, readFileSync(folder.path('two.pem'))); // the key is still the old one's
    relay.child.kill('SIGHUP');
    await relay.logged('cannot use the certificate: the old one stays');
    expect(await servedName(relay.port)).toBe('one.example');
    writeFileSync(key, readFileSync(folder.path('two.key')));
    await relay.logged('new connections get the new certificate');
    expect(await servedName(relay.port)).toBe('two.example');
  });
});

test.skipIf(!hasNatsServer)(
  'relays on one NATS server route to each other’s clients, and log their node (skipped where nats-server is not installed)',
  async () => {
    const nats = await NatsServer.start();
    cleanup.push(() => nats.stop());
    const [one, two] = await Promise.all(['one', 'two'].map((id) => start(['--nats', nats.url, '--node-id', id])));
    if (one === undefined || two === undefined) throw new Error('no relays');
    const [sender, receiver] = [await client(one.url), await client(two.url)];
    const got: unknown[] = [];
    receiver.addEventListener('message', ({ data }) => got.push(data));
    await sender.send(receiver.address ?? '', 'across');
    expect(got).toEqual(['across']);
    expect(two.log.map(({ node }) => node)).toEqual(two.log.map(() => 'two'));
  },
);

test('X-Forwarded-For counts only from a trusted proxy', async () => {
  const upgradeFrom = (url: string, forwarded: string): Promise<void> =>
    new Promise((resolve) => {
      const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'X-Forwarded-For': forwarded };
      request(url, { headers })
        .on('response', (response) => response.resume().on('end', () => resolve()))
        .on('error', () => resolve())
        .end();
    });
  const trusting = await start(['--trusted-proxies', '127.0.0.1', '--log-level', 'debug']);
  await upgradeFrom(trusting.url, '203.0.113.7');
  expect(await trusting.logged('refused')).toMatchObject({ reason: 'subprotocol', address: '203.0.113.7' });
  const wary = await start(['--log-level', 'debug']);
  await upgradeFrom(wary.url, '203.0.113.7');
  expect(await wary.logged('refused')).toMatchObject({ address: '127.0.0.1' });
});

/** What systemd does with sws-relay.socket: it keeps the listening socket, and hands it to each process that it starts. */
const SOCKET_KEEPER = `
import os, socket, sys
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
for run in range(2):
    child = os.fork()
    if child == 0:
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
        os.execvp(sys.argv[1], sys.argv[1:])
    os.waitpid(child, 0)
`;
const hasPython = spawnSync('python3', ['--version']).status === 0;

test.skipIf(!hasPython)(
  'socket activation: a restart refuses no connection, and channels resume (skipped where python3 is missing)',
  { timeout: 60_000 },
  async () => {
    const command = [process.execPath, MAIN, '--no-chat'];
    const settings = ['--drain-spread', '1', ...identityFlags()];
    const keeper = spawn('python3', ['-c', SOCKET_KEEPER, ...command, ...settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, log] = ['', ''];
    keeper.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const lines = (message: string): { pid: number; url: string }[] =>
      log
        .split('\n')
        .filter((line) => line.includes(`"msg":"${message}"`))
        .map((line) => JSON.parse(line));
    cleanup.push(() => {
      keeper.kill('SIGKILL');
      for (const { pid } of lines('listening'))
        try {
          process.kill(pid, 'SIGKILL');
        } catch {} // one has left by itself
    });
    await expect.poll(() => lines('listening').length, PATIENCE).toBe(1);
    const port = Number(out.split('\n')[0]);
    expect(lines('listening')[0]?.url).toBe(`http://127.0.0.1:${port}/`);
    const causes: (string | undefined)[] = [];
    const url = `ws://127.0.0.1:${port}/`;
    const transfer = await LiveTransfer.start({
      senderUrl: url,
      receiverUrl: url,
      paceMs: 20,
      messageBytes: 500,
      onState: (_, { failure }) => {
        if (failure) causes.push(failure.code);
      },
    });
    process.kill(lines('listening')[0]?.pid ?? 0, 'SIGTERM');
    const refused: string[] = [];
    await expect
      .poll(async () => {
        await new Promise<void>((resolve) => {
          const probe = connectTcp(port, '127.0.0.1');
          probe.once('connect', () => probe.destroy()).once('error', ({ message }) => refused.push(message));
          probe.once('close', () => resolve());
        });
        return lines('listening').length;
      }, PATIENCE)
      .toBe(2);
    const { sent, received, misplaced, failures } = await transfer.finish(30_000);
    expect({ received, misplaced, failures }).toEqual({ received: sent, misplaced: 0, failures: [] });
    expect(new Set(causes)).toEqual(new Set(['restarting']));
    expect(refused).toEqual([]);
  },
);
