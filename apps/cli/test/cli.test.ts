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
