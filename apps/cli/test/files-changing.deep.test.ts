import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type Command, MAIN, useStage } from './sws.js';

const stage = useStage();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Whether this user may mount a file system of its own, which is then as small as a test wants it. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function addressOf(command: Command): Promise<string> {
  return command.prints(/"address":"([0-9a-f]{64})"/);
}

/** A receiver of one send, in a shell that first does something. */
function receiverIn(setUp: string, ...wrap: string[]): Command {
  const sws = `exec "${process.execPath}" "${MAIN}" recv --out in --json --accept-all --once`;
  const [file = 'sh', ...args] = [...wrap, 'sh', '-c', `${setUp}; ${sws}`];
  return stage.now.spawn(file, args, { XDG_CONFIG_HOME: stage.now.path('bob') });
}

/** Alice sends Bob a file and a second one, `next`; `act` happens to the first while it is sent. */
async function sendDuring(name: string, act: (path: string) => Promise<void>) {
  await writeFile(stage.now.path('next'), 'next');
  const receiver = receiverIn(':');
  const sender = stage.now.as('alice', 'send', name, 'next', await addressOf(receiver), '--json');
  await sender.prints(new RegExp(`"event":"sending","name":"${name}"`));
  await act(stage.now.path(name));
  return { sender, receiver };
}

test.each([
  ['removed', (path: string) => rm(path)],
  ['replaced', (path: string) => rename(stage.now.path('after'), path)],
])('a file that is %s while it is sent arrives as it was, and so does the next', async (_what, act) => {
  const large = randomBytes(20_000_000);
  await writeFile(stage.now.path('large'), large);
  await writeFile(stage.now.path('after'), 'after');
  const { sender, receiver } = await sendDuring('large', act);
  expect([await sender.exit, await receiver.exit]).toEqual([0, 0]);
  expect(sha256(await readFile(stage.now.path('in', 'large')))).toBe(sha256(large));
  expect(await readFile(stage.now.path('in', 'next'), 'utf8')).toBe('next');
});

test.each([
  ['grows', (path: string) => appendFile(path, 'more')],
  ['shrinks', (path: string) => truncate(path, 1_000)],
  [
    'is written to',
    async (path: string) => {
      const file = await open(path, 'r+');
      await file.write('x', 0);
      await file.close();
    },
  ],
])('a file that %s while it is sent is not stored; both sides say so and exit with 2', async (_what, act) => {
  await writeFile(stage.now.path('log'), '');
  await truncate(stage.now.path('log'), 30_000_000);
  const { sender, receiver } = await sendDuring('log', act);
  expect([await sender.exit, await receiver.exit]).toEqual([2, 2]);
  const detail = 'it changed while it was sent';
  expect(sender.events).toContainEqual({ event: 'unreadable', name: 'log', detail });
  expect(receiver.events).toContainEqual(expect.objectContaining({ event: 'skipped', name: 'log', detail }));
  expect(await readFile(stage.now.path('in', 'next'), 'utf8')).toBe('next');
  expect(await readdir(stage.now.path('in'))).not.toContain('log');
});

test.skipIf(process.platform !== 'linux')('a file whose reported size is wrong arrives whole', async () => {
  // The first says 0 bytes, the second a page.
  const files = new Map([
    ['version', '/proc/version'],
    ['profiling', '/sys/kernel/profiling'],
  ]);
  const receiver = receiverIn(':');
  const sender = stage.now.as('alice', 'send', ...files.values(), await addressOf(receiver));
  expect([await sender.exit, await receiver.exit]).toEqual([0, 0]);
  for (const [name, path] of files) {
    const arrived = await readFile(stage.now.path('in', name), 'utf8');
    expect(arrived).not.toBe('');
    expect(arrived).toBe(await readFile(path, 'utf8'));
  }
});

test.skipIf(!canMount())('a file that fills the disk is removed, and the next one fits', async () => {
  await mkdir(stage.now.path('in'));
  const next = randomBytes(6_000_000);
  await writeFile(stage.now.path('next'), next);
  const receiver = receiverIn('mount -t tmpfs -o size=8m tmpfs in', 'unshare', '-rm');
  const sender = stage.now.as('alice', 'send', '-', 'next', await addressOf(receiver));
  sender.child.stdin.end(randomBytes(12_000_000));
  expect([await sender.exit, await receiver.exit]).toEqual([2, 2]);
  expect(sender.errors).toContain('the peer refused stdin: it can’t be written (ENOSPC)');
  const stored = receiver.events.filter(({ event }) => event === 'stored');
  expect(stored).toEqual([expect.objectContaining({ name: 'next', bytes: next.length, sha256: sha256(next) })]);
});
