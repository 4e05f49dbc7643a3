import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    listener.child.stdin.write(answer);
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
