import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type Command, useStage } from './sws.js';

const stage = useStage();

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Starts a receiver into the folder `in`, and resolves with it and its address. */
async function receiver(...flags: string[]): Promise<{ command: Command; to: string }> {
  const command = stage.now.as('bob', 'recv', '--out', 'in', '--json', ...flags);
  return { command, to: await command.prints(/"address":"([0-9a-f]{64})"/) };
}

test('several files and standard input arrive whole, and both sides print their SHA-256', async () => {
  const contents = new Map<string, Buffer>([
    ['photo 1.jpg', randomBytes(3_000_000)],
    ['empty', Buffer.alloc(0)],
    ['grün 📷.txt', Buffer.from('hello')],
  ]);
  for (const [name, bytes] of contents) await writeFile(stage.now.path(name), bytes);
  const { command, to } = await receiver('--accept-all', '--once');
  const sender = stage.now.as('alice', 'send', ...contents.keys(), '-', to);
  const typed = randomBytes(700_000);
  sender.child.stdin.end(typed);
  expect(await sender.exit).toBe(0);
  expect(await command.exit).toBe(0);
  contents.set('stdin', typed);
  expect((await readdir(stage.now.path('in'))).sort()).toEqual([...contents.keys()].sort());
  for (const [name, bytes] of contents) {
    expect((await readFile(stage.now.path('in', name))).equals(bytes)).toBe(true);
    expect(sender.errors).toContain(`${name}: delivered, ${bytes.length} bytes, SHA-256 ${sha256(bytes)}`);
    expect(command.events).toContainEqual(
      expect.objectContaining({ event: 'stored', name, bytes: bytes.length, sha256: sha256(bytes) }),
    );
  }
});

test('an existing file is replaced only with --force, and an equal one is not stored twice', async () => {
  await mkdir(stage.now.path('in'));
  await writeFile(stage.now.path('in', 'notes.tar.gz'), 'mine');
  await writeFile(stage.now.path('notes.tar.gz'), 'yours');
  const { to, command } = await receiver('--accept-all');
  for (const _time of ['once', 'again']) expect(await stage.now.as('alice', 'send', 'notes.tar.gz', to).exit).toBe(0);
  // A sender that never sent it before: nothing is remembered of it, and still there is no third copy.
  expect(await stage.now.as('carol', 'send', 'notes.tar.gz', to).exit).toBe(0);
  expect((await readdir(stage.now.path('in'))).sort()).toEqual(['notes.tar (1).gz', 'notes.tar.gz']);
  expect(await readFile(stage.now.path('in', 'notes.tar.gz'), 'utf8')).toBe('mine');
  expect(await readFile(stage.now.path('in', 'notes.tar (1).gz'), 'utf8')).toBe('yours');
  command.child.kill('SIGTERM');
  expect(await command.exit).toBe(0);
  const forced = await receiver('--accept-all', '--once', '--force');
  expect(await stage.now.as('alice', 'send', 'notes.tar.gz', forced.to).exit).toBe(0);
  expect(await forced.command.exit).toBe(0);
  expect(await readFile(stage.now.path('in', 'notes.tar.gz'), 'utf8')).toBe('yours');
});

test('only allowed peers can send', async () => {
  await writeFile(stage.now.path('file'), 'x');
  const alice = stage.now.as('alice', 'id');
  await alice.exit;
  const { to, command } = await receiver('--allow', alice.output.trim(), '--once');
  const stranger = stage.now.as('mallory', 'send', 'file', to);
  expect(await stranger.exit).toBe(1);
  expect(stranger.errors).toContain('could not connect');
  expect(await stage.now.as('alice', 'send', 'file', to).exit).toBe(0);
  expect(await command.exit).toBe(0);
});

test('without --allow, --accept-all and a terminal, recv exits', async () => {
  const command = stage.now.as('bob', 'recv');
  expect(await command.exit).toBe(1);
  expect(command.errors).toContain('--accept-all');
});

test('a file over --max-size is refused, the rest arrives, and both exit codes show it', async () => {
  await writeFile(stage.now.path('small'), randomBytes(60_000));
  await writeFile(stage.now.path('large'), randomBytes(60_001));
  const { to, command } = await receiver('--accept-all', '--once', '--max-size', '120k');
  const sender = stage.now.as('alice', 'send', 'small', 'large', to);
  expect(await sender.exit).toBe(2);
  expect(sender.errors).toContain('the peer refused large: it exceeds the limit of 120 kB');
  expect(await command.exit).toBe(2);
  expect(await readdir(stage.now.path('in'))).toEqual(['small']);
});

test('standard input over --max-size is stopped, and leaves nothing behind', async () => {
  const { to, command } = await receiver('--accept-all', '--once', '--max-size', '1MiB');
  const sender = stage.now.as('alice', 'send', '-', to, '--name', 'endless');
  const more = (): void => {
    if (sender.child.stdin.write(Buffer.alloc(65_536))) setImmediate(more);
  };
  sender.child.stdin.on('drain', more);
  more();
  expect(await sender.exit).toBe(2);
  expect(await command.exit).toBe(2);
  expect(await readdir(stage.now.path('in'))).toEqual([]);
});

test('a sender with idle input learns that the receiver stopped', async () => {
  const { to, command } = await receiver('--accept-all');
  const sender = stage.now.as('alice', 'send', '-', to);
  sender.child.stdin.write('a beginning, and then silence');
  await command.prints(/"event":"receiving"/);
  command.child.kill('SIGTERM');
  expect(await command.exit).toBe(2);
  expect(await sender.exit).toBe(2);
  expect(sender.errors).toContain('the receiver was stopped');
  expect(sender.errors).not.toContain('was not sent');
});

test.each([
  ['a file that is not there', ['nothing'], /ENOENT/],
  ['standard input twice', ['-', '-'], /can be sent only once/],
])('%s is not sent: exit code 1 before connecting', async (_what, files, complaint) => {
  const sender = stage.now.as('alice', 'send', ...files, '12'.repeat(32));
  expect(await sender.exit).toBe(1);
  expect(sender.errors).toMatch(complaint);
});

test('a stopped send and a stopped receiver keep what arrived', async () => {
  await writeFile(stage.now.path('large'), '');
  await truncate(stage.now.path('large'), 500_000_000);
  const { to, command } = await receiver('--accept-all');
  const sender = stage.now.as('alice', 'send', 'large', to);
  await command.prints(/"event":"progress".*"bytes":[1-9]/);
  sender.child.kill('SIGINT');
  expect(await sender.exit).toBe(2);
  expect(sender.errors).toContain('Send it again');
  await command.prints(/"event":"interrupted"/);
  const [part = ''] = await readdir(stage.now.path('in'));
  const { size } = await stat(stage.now.path('in', part));
  expect(size).toBeGreaterThan(0);

  const again = stage.now.as('alice', 'send', 'large', to, '--json');
  await again.prints(/"event":"sending".*"offset":[1-9]/);
  expect(again.events.find(({ event }) => event === 'sending')).toMatchObject({ offset: size });
  await again.prints(/"event":"progress".*"bytes":[1-9]/);
  command.child.kill('SIGTERM');
  expect(await command.exit).toBe(2);
  expect(await again.exit).toBe(2);
  expect(again.output).toContain('the receiver was stopped');
});

test('a changed file is not joined to its old part', async () => {
  const changed = randomBytes(2_000_000);
  await writeFile(stage.now.path('data'), changed);
  const { to, command } = await receiver('--accept-all', '--once');
  const alice = stage.now.as('alice', 'id');
  await alice.exit;
  // What a killed receiver leaves, but its last byte is another than the sender's.
  const part = Buffer.from(changed.subarray(0, 1_000_000));
  part[999_999] = (part[999_999] ?? 0) ^ 1;
  await writeFile(stage.now.path('in', `data.${alice.output.slice(0, 16)}.part`), part);
  const sender = stage.now.as('alice', 'send', 'data', to, '--json');
  expect(await sender.exit).toBe(0);
  expect(sender.events.find(({ event }) => event === 'stored')).toMatchObject({ sent: changed.length });
  expect(await command.exit).toBe(0);
  expect((await readFile(stage.now.path('in', 'data'))).equals(changed)).toBe(true);
});

test('a waiting sender finds a receiver that starts later', async () => {
  await writeFile(stage.now.path('file'), 'late');
  const bob = stage.now.as('bob', 'id');
  await bob.exit;
  const sender = stage.now.as('alice', 'send', '--wait', '60', 'file', bob.output.trim());
  await sender.says(/waiting for the peer/);
  const { command } = await receiver('--accept-all', '--once');
  expect(await sender.exit).toBe(0);
  expect(await command.exit).toBe(0);
});

test('an unwritable file is refused, the next one arrives, and the peer learns no local path', async () => {
  for (const name of ['first', 'second']) await writeFile(stage.now.path(name), name);
  const { to, command } = await receiver('--accept-all', '--once', '--force');
  await mkdir(stage.now.path('in', 'first'));
  const sender = stage.now.as('alice', 'send', 'first', 'second', to);
  expect(await sender.exit).toBe(2);
  expect(sender.errors).toContain('the peer refused first: a folder with its name exists here');
  expect(sender.errors).not.toContain(stage.now.folder);
  expect(await command.exit).toBe(2);
  expect(await readFile(stage.now.path('in', 'second'), 'utf8')).toBe('second');
});

test('after a killed send of many files, the files already stored are not sent again', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `photo ${index}`);
  for (const name of names) await writeFile(stage.now.path(name), name.repeat(100));
  await writeFile(stage.now.path('film'), '');
  await truncate(stage.now.path('film'), 300_000_000);
  const { to, command } = await receiver('--accept-all');
  const sender = stage.now.as('alice', 'send', ...names, 'film', to, '--json');
  await command.prints(/"event":"progress".*"name":"film"/);
  sender.child.kill('SIGINT');
  expect(await sender.exit).toBe(2);
  const again = stage.now.as('alice', 'send', ...names, to, '--json');
  expect(await again.exit).toBe(0);
  const stored = again.events.filter(({ event }) => event === 'stored');
  expect(stored).toHaveLength(names.length);
  for (const { sent } of stored) expect(sent).toBe(0);
  const there = (await readdir(stage.now.path('in'))).filter((name) => !name.endsWith('.part'));
  expect(there.sort()).toEqual([...names].sort());
  command.child.kill('SIGTERM');
});
