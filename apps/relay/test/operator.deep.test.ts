// What an operator does with a relay that runs: look, disconnect, ask a service, change limits, end it early.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, expect, test } from 'vitest';
import { disconnect } from '../src/admin-socket.js';
import { type AskingClient, AuthorizeUrl } from '../src/authorize-url.js';
import { useCleanup } from './cleanup.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const PATIENCE = { timeout: 15_000, interval: 10 };
const folder = temporaryFolder();
const cleanup = useCleanup();
afterAll(folder.remove);

async function start(args: string[], env: Record<string, string> = {}): Promise<RelayProcess> {
  const identity = ['--identity', folder.path('identity')];
  const relay = await RelayProcess.start(['--port', '0', '--no-chat', ...identity, ...args], env);
  cleanup.push(() => relay.stop());
  return relay;
}

async function client(url: string, identity = Identity.generate(randomBytes), token?: string): Promise<Endpoint> {
  const endpoint = new Endpoint(url, { identity, ...(token === undefined ? {} : { token }) });
  cleanup.push(() => endpoint.close());
  await expect.poll(() => endpoint.state, PATIENCE).toMatch(/registered|reconnecting|down/);
  return endpoint;
}

/** Runs `sws-relay` with these words. */
async function command(
  ...args: string[]
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  try {
    return { ...(await promisify(execFile)(process.execPath, [MAIN, ...args])), code: 0 };
  } catch (error) {
    return error as { stdout: string; stderr: string; code: number };
  }
}

/** The status of an answer on the admin socket, as it is asked by other programs. */
async function asked(socketPath: string, path: string): Promise<number | undefined> {
  const [response] = await once(request({ socketPath, path, method: 'GET' }).end(), 'response');
  response.resume();
  return response.statusCode;
}

test('connections and disconnect use a socket that only its owner can open', { timeout: 60_000 }, async () => {
  const admin = folder.path('admin.sock');
  const crashed = await start(['--admin', admin]);
  await crashed.stop(); // SIGKILL: its socket stays behind
  const relay = await start(['--admin', admin]);
  expect(statSync(admin).mode & 0o777).toBe(0o600);
  const [alice, bob] = [await client(relay.url), await client(relay.url)];
  bob.addEventListener('message', () => {});
  await alice.send(bob.address ?? '', 'hello');
  const listed = await command('--admin', admin, 'connections', '--json');
  const rows = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ key }) => key).sort()).toEqual([alice.address, bob.address].sort());
  expect(rows[0]).toMatchObject({
    address: '127.0.0.1',
    receivedMessages: expect.any(Number),
    receivedBytes: expect.any(Number),
  });
  for (const { receivedMessages, sentMessages } of rows)
    expect(Math.min(receivedMessages, sentMessages)).toBeGreaterThan(0);

  expect((await command('--admin', admin, 'connections', alice.address?.slice(0, 10) ?? '')).stdout).toMatch(
    new RegExp(`^${alice.address}  127\\.0\\.0\\.1  \\d+ s  \\d+ messages in \\(\\d+ bytes\\), \\d+ out\\n$`),
  );
  expect((await command('--admin', admin, 'disconnect', alice.address ?? '')).code).toBe(0);
  await expect.poll(() => alice.state, PATIENCE).toBe('down');
  expect(bob.state).toBe('registered');
  expect(await disconnect(admin, alice.address ?? '')).toBe(false);
  // What is not ours is answered, whatever it is.
  for (const path of ['//', '*', '/%', '/disconnect/', `/disconnect/${'0'.repeat(64)}`, '/connections?prefix=%'])
    expect((await asked(admin, path)) === 200).toBe(path.startsWith('/connections'));
  expect(bob.state).toBe('registered');
  const elsewhere = await command('--admin', folder.path('none.sock'), 'disconnect', alice.address ?? '');
  expect([elsewhere.code, elsewhere.stderr]).toEqual([
    1,
    expect.stringMatching(/^sws-relay: no relay at .*none\.sock/),
  ]);
});

test('--allow or --tokens alone keeps out who is not in the file', async () => {
  const alice = Identity.generate(randomBytes);
  const token = 'correct-horse-battery';
  for (const [flag, content] of [
    ['--allow', alice.publicKey],
    ['--tokens', token],
  ] as const) {
    writeFileSync(folder.path('list'), content);
    const { url } = await start([flag, folder.path('list')]);
    const [member, stranger] = [await client(url, alice, token), await client(url)];
    expect([flag, member.state, stranger.state]).toEqual([flag, 'registered', 'down']);
  }
});

/** A service that decides by key; what it was asked. */
async function service(answer: (client: AskingClient) => [status: number, body: unknown]) {
  const asked: (AskingClient & { readonly authorization: string | undefined })[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const question = JSON.parse(text);
    asked.push({ ...question, authorization: request.headers.authorization });
    const [status, body] = answer(question);
    response.writeHead(status).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

test('--authorize-url decides who may register, and at which rate', async () => {
  const [alice, bob, carol] = [0, 1, 2].map(() => Identity.generate(randomBytes)) as [Identity, Identity, Identity];
  const { url, asked } = await service(({ publicKey }) => {
    if (publicKey === carol.publicKey) return [500, {}];
    return [200, { allow: publicKey === alice.publicKey, messagesPerSecond: 7, cacheSeconds: 60 }];
  });
  const relay = await start(['--authorize-url', url], {
    SWS_AUTHORIZE_SECRET: 'between us',
    SWS_RELAY: 'wss://relay.example',
  });
  // SWS_RELAY, which is the client's, is no mistake.
  await expect.poll(() => relay.log.map(({ msg }) => msg), PATIENCE).toEqual(['listening']);
  expect((await client(relay.url, alice, 'letter')).state).toBe('registered');
  expect((await client(relay.url, bob)).state).toBe('down');
  expect((await client(relay.url, carol)).state).toBe('reconnecting');
  expect(await relay.logged('authorize-url gave no valid answer')).toMatchObject({ error: 'status 500, not 200' });
  expect(asked[0]).toEqual({
    publicKey: alice.publicKey,
    token: 'letter',
    address: '127.0.0.1',
    authorization: 'Bearer between us',
  });
  const open = await start(['--authorize-url', url]);
  expect((await client(open.url, alice)).state).toBe('registered');
  expect(asked.at(-1)?.authorization).toBeUndefined();
});

test('an answer of the service is cached, and asked for once for many', async () => {
  const { url, asked } = await service(({ token }) => [
    200,
    { allow: true, bytesPerSecond: 5, cacheSeconds: token === null ? 60 : 0 },
  ]);
  const asking = new AuthorizeUrl({ url });
  const kept = { publicKey: 'a', token: null, address: null };
  const both = await Promise.all([asking.ask(kept), asking.ask(kept)]);
  expect([...both, await asking.ask(kept)]).toEqual(Array(3).fill({ rate: { bytesPerSecond: 5 } }));
  expect(asked).toHaveLength(1);
  for (let i = 0; i < 2; i++) await asking.ask({ ...kept, token: 'letter' });
  expect(asked).toHaveLength(3);
});

test.each([
  [{ allow: 'yes' }, 'allow must be true or false'],
  [{ allow: true, messagesPerSecond: -1 }, 'messagesPerSecond must be a whole number above 0'],
  [[], 'allow must be true or false'],
  [{ allow: true, filler: 'x'.repeat(70_000) }, 'the answer has more than 65536 bytes'],
])('an invalid answer refuses the client, and the log says why: %.40j', async (body, complaint) => {
  const { url } = await service(() => [200, body]);
  await expect(new AuthorizeUrl({ url }).ask({ publicKey: 'a', token: null, address: null })).rejects.toThrow(
    complaint,
  );
});

test('a silent service refuses the client', async () => {
  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  cleanup.push(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  const asking = new AuthorizeUrl({ url, timeoutMs: 50 });
  await expect(asking.ask({ publicKey: 'a', token: null, address: null })).rejects.toThrow(/timeout/);
});

test('SIGHUP applies the file’s limits, also to connected clients, and names settings that need a restart', async () => {
  const config = folder.path('limits.toml');
  writeFileSync(config, 'max-connections = 1\n');
  const relay = await start(['--config', config]);
  const first = await client(relay.url);
  expect((await client(relay.url)).state).toBe('reconnecting');
  writeFileSync(config, 'max-connections = 10\nkeepalive = 20\n');
  relay.child.kill('SIGHUP');
  expect(await relay.logged('limits changed')).toMatchObject({ changed: ['max-connections'] });
  expect(await relay.logged('these settings change at the next start')).toMatchObject({ settings: ['keepalive'] });
  expect((await client(relay.url)).state).toBe('registered');
  relay.child.kill('SIGHUP');
  const reloads = () => relay.log.filter(({ msg }) => msg === 'SIGHUP: reloading').length;
  await expect.poll(reloads, PATIENCE).toBe(2);
  writeFileSync(config, 'max-connections = 0\n');
  relay.child.kill('SIGHUP');
  const { error } = await relay.logged('cannot use the settings: the limits stay');
  expect(error).toMatch(/^max-connections must be a whole number from 1/);
  expect(first.state).toBe('registered');
  // What the second signal found as it was is told no more.
  const told = (message: string) => relay.log.filter(({ msg }) => msg === message).length;
  expect([told('limits changed'), told('these settings change at the next start')]).toEqual([1, 1]);
});

test('a signal ends a relay that waits for its port', async () => {
  const holder = await start([]);
  const waiting = RelayProcess.spawn([
    ...['--identity', folder.path('identity'), '--port', String(holder.port)],
    ...['--wait-for-port', '60'],
  ]);
  cleanup.push(() => waiting.stop());
  await waiting.logged('waiting for the port');
  waiting.child.kill('SIGTERM');
  expect(await waiting.exited).toBe(0);
  expect(await waiting.logged('ended before it listened').catch(() => waiting.log.at(-1))).toMatchObject({
    signal: 'SIGTERM',
  });
});
