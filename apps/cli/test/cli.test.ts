import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Relay, startRelay } from '@sws/relay';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const children: ChildProcessWithoutNullStreams[] = [];
let relay: Relay;
let folder: string;

beforeEach(async () => {
  relay = await startRelay({ port: 0, chat: false });
  folder = await mkdtemp(join(tmpdir(), 'sws-cli-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await relay.close();
  await rm(folder, { recursive: true, force: true });
});

function sws(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, XDG_CONFIG_HOME: folder } });
  children.push(child);
  // A child that ended leaves the rest of its input unread: EPIPE here is no failure of the test.
  child.stdin.on('error', () => {});
  const out: Buffer[] = [];
  let err = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    for (const watcher of watchers) watcher();
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const says = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      const check = (): void => {
        const match = pattern.exec(err);
        if (match !== null) resolve(match[1] ?? match[0]);
      };
      watchers.add(check);
      check();
    });
  return { child, exit, says, output: () => Buffer.concat(out), errors: () => err };
}

test.each([500_000, 12_000_000])(
  'listen and connect carry a random file of %i bytes unchanged, both ways',
  async (size) => {
    const file = randomBytes(size);
    const answer = randomBytes(1_000);
    const listener = sws('listen', '--relay', relay.url, '--ephemeral');
    const address = await listener.says(/listening as ([0-9a-f]{64})/);
    listener.child.stdin.end(answer);
    const connector = sws('connect', relay.url + address, '--ephemeral');
    connector.child.stdin.end(file);
    expect(await connector.exit).toBe(0);
    expect(await listener.exit).toBe(0);
    const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(sha(listener.output())).toBe(sha(file));
    expect(sha(connector.output())).toBe(sha(answer));
  },
);

test('a peer that is not there: a clear word and exit code 1', async () => {
  const connector = sws('connect', `${relay.url}${'12'.repeat(31)}00`, '--ephemeral');
  connector.child.stdin.end('hello');
  expect(await connector.exit).toBe(1);
  expect(connector.errors()).toContain('offline');
});

test('the user’s identity is made once, and in use by one process at a time', async () => {
  const first = sws('id');
  expect(await first.exit).toBe(0);
  const listener = sws('listen', '--relay', relay.url);
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  expect(first.output().toString().trim()).toBe(address);
  const second = sws('id');
  expect(await second.exit).toBe(1);
  expect(second.errors()).toContain('in use by another process');
  expect(second.errors()).toContain('--ephemeral');
});

test('--keep serves one peer after another', async () => {
  const listener = sws('listen', '--relay', relay.url, '--ephemeral', '--keep');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  for (const text of ['first ', 'second']) {
    const connector = sws('connect', relay.url + address, '--ephemeral');
    connector.child.stdin.end(text);
    expect(await connector.exit).toBe(0);
  }
  listener.child.kill('SIGTERM');
  expect(await listener.exit).toBe(0);
  expect(listener.output().toString()).toBe('first second');
});

test('a peer that dies in the middle: exit code 2, not a silent success', async () => {
  const listener = sws('listen', '--relay', relay.url, '--ephemeral');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  const connector = sws('connect', relay.url + address, '--ephemeral');
  connector.child.stdin.write('the beginning');
  await new Promise<void>((resolve) => listener.child.stdout.once('data', () => resolve()));
  // The peer's output fails: it can no longer take what it is sent.
  listener.child.stdout.destroy();
  connector.child.stdin.write(randomBytes(3_000_000));
  expect(await connector.exit).toBe(2);
  expect(await listener.exit).toBe(1);
  expect(listener.errors()).toContain('cannot write the output');
});

test.each([
  ['a URL without an address', ['connect', 'ws://127.0.0.1:1/']],
  ['a wait that is no number', ['connect', 'ws://127.0.0.1:1/', '--wait', 'long']],
  ['a malformed key to accept', ['listen', '--from', 'AB']],
])('%s: exit code 1', async (_what, args) => {
  const command = sws(...args, '--ephemeral');
  expect(await command.exit).toBe(1);
  expect(command.errors()).not.toBe('');
});

/** A served TCP server and the local port that leads to it. */
async function tunnel(answer: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const served = sws('serve', String((server.address() as AddressInfo).port), '--relay', relay.url, '--ephemeral');
  const address = await served.says(/as ([0-9a-f]{64})/);
  const opened = sws('open', relay.url + address, '--port', '0', '--ephemeral');
  const port = Number(await opened.says(/127\.0\.0\.1:(\d+) leads/));
  return { port, served, opened, server };
}

test('a tunnel carries large transfers both ways at once, each with its own end, through a relay that restarts', async () => {
  const there = randomBytes(8_000_000);
  const back = randomBytes(8_000_000);
  const received: Buffer[] = [];
  const { port, server } = await tunnel((socket) => {
    socket.on('data', (chunk) => received.push(chunk));
    // The answer ends only after the question has: a half-close that did not arrive would hang here.
    socket.write(back.subarray(0, 4_000_000));
    socket.on('end', () => socket.end(back.subarray(4_000_000)));
  });
  const client = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  const answer: Buffer[] = [];
  client.on('data', (chunk) => answer.push(chunk));
  client.write(there.subarray(0, 4_000_000));
  await new Promise<void>((resolve) => client.once('data', () => resolve()));
  const relayPort = Number(new URL(relay.url).port);
  await relay.close();
  relay = await startRelay({ port: relayPort, chat: false });
  client.end(there.subarray(4_000_000));
  await new Promise<void>((resolve) => client.once('end', () => resolve()));
  expect(Buffer.concat(answer).equals(back)).toBe(true);
  expect(Buffer.concat(received).equals(there)).toBe(true);
  server.close();
});

test('a tunnel echoes key by key, as a shell over ssh does', async () => {
  const { port, server } = await tunnel((socket) => socket.pipe(socket));
  const client = dial(port, '127.0.0.1');
  for (const key of 'ls -l\n') {
    client.write(key);
    const [echo] = await new Promise<Buffer[]>((resolve) => client.once('data', (chunk) => resolve([chunk])));
    expect(echo?.toString()).toBe(key);
  }
  client.end();
  expect(await text(client)).toBe('');
  server.close();
});

test('a port that takes no connection is told to the other end, and resets its program', async () => {
  const { port, opened, server } = await tunnel(() => {});
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const client = dial(port, '127.0.0.1');
  const error = await new Promise<Error & { code?: string }>((resolve) => client.once('error', resolve));
  expect(error.code).toBe('ECONNRESET');
  await opened.says(/4502 the port takes no connection \(ECONNREFUSED\)/);
});

test('an identity moves sealed to another file, and is not replaced by accident', async () => {
  const file = join(folder, 'one');
  const made = sws('keygen', '--identity', file, '--json');
  expect(await made.exit).toBe(0);
  const { address } = JSON.parse(made.output().toString());
  process.env.SWS_PASSPHRASE = 'a long passphrase';
  const sealed = sws('export', '--identity', file);
  expect(await sealed.exit).toBe(0);
  const imported = sws('import', '--identity', join(folder, 'two'));
  imported.child.stdin.end(sealed.output());
  expect(await imported.exit).toBe(0);
  delete process.env.SWS_PASSPHRASE;
  expect(imported.output().toString().trim()).toBe(address);
  const again = sws('keygen', '--identity', file);
  expect(await again.exit).toBe(1);
  expect(again.errors()).toContain('--force');
});
