import { mkdirSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { FILES_PROTOCOL, MAX_OFFER_BYTES, type OfferedFile, readSenderMessage } from '../dist/file-protocol.js';
import { offerText } from '../dist/file-sender.js';
import { type Outgoing, openTree } from '../dist/outgoing-tree.js';
import { staysWithin } from '../dist/placed.js';
import { type Command, useStage } from './sws.js';

const stage = useStage();
const endpoints: Endpoint[] = [];
afterEach(async () => {
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close({ graceMs: 0 })));
});

async function receiver(...args: string[]): Promise<{ to: string; command: Command }> {
  const command = stage.now.as('bob', 'recv', '--out', 'in', '--accept-all', '--json', ...args);
  return { to: await command.prints(/"address":"([0-9a-f]{64})"/), command };
}

/** A tree with all that a tree can have. */
async function makeTree(): Promise<void> {
  const path = (...names: string[]): string => stage.now.path('tree', ...names);
  await mkdir(path('sub', 'deep'), { recursive: true });
  await mkdir(path('empty'));
  await writeFile(path('a.txt'), 'a');
  await writeFile(path('debug.log'), 'noise');
  await writeFile(path('sub', 'run.sh'), '#!/bin/sh\n');
  await writeFile(path('sub', 'deep', 'grün 📷'), 'deep');
  await chmod(path('sub', 'run.sh'), 0o755);
  await symlink('../a.txt', path('sub', 'to-a'));
  await symlink('/etc/passwd', path('out'));
  await chmod(path('empty'), 0o700);
  for (const names of [['a.txt'], ['sub', 'run.sh'], ['empty'], ['sub', 'deep'], ['sub']])
    await utimes(path(...names), 1_000_000_000, 1_000_000_000);
}

test('a folder arrives with its tree, permissions, times and inner links; links out of it are reported', async () => {
  await makeTree();
  const { to, command } = await receiver('--once');
  const sender = stage.now.as('alice', 'send', 'tree', to, '--exclude', '*.log');
  expect(await sender.exit).toBe(2);
  expect(sender.errors).toContain('tree/out is left out: it is a link that leads out of the folder');
  expect(await command.exit).toBe(0);
  const path = (...names: string[]): string => stage.now.path('in', 'tree', ...names);
  expect(await readdir(path())).toEqual(['a.txt', 'empty', 'sub']);
  expect(await readdir(path('sub'))).toEqual(['deep', 'run.sh', 'to-a']);
  expect(await readFile(path('sub', 'deep', 'grün 📷'), 'utf8')).toBe('deep');
  expect(await readFile(path('sub', 'to-a'), 'utf8')).toBe('a');
  expect((await stat(path('sub', 'run.sh'))).mode & 0o777).toBe(0o755);
  expect((await stat(path('empty'))).mode & 0o777).toBe(0o700);
  for (const names of [['a.txt'], ['sub', 'run.sh'], ['empty'], ['sub', 'deep'], ['sub']])
    expect((await stat(path(...names))).mtimeMs).toBe(1_000_000_000_000);
  expect(await readdir(stage.now.path('in'))).toEqual(['tree']);
});

test('--dry-run prints what would be sent without connecting; --no-preserve drops permissions and times', async () => {
  await makeTree();
  const dry = stage.now.as('alice', 'send', '--dry-run', 'tree', `${'12'.repeat(31)}00`, '--exclude', 'sub');
  expect(await dry.exit).toBe(2);
  expect(dry.output).toBe(
    'tree/\ntree/a.txt  1 B\ntree/debug.log  5 B\ntree/empty/\nleft out: tree/out: it is a link that leads out of the folder\n2 files, 6 B\n',
  );
  const { to, command } = await receiver('--once', '--no-preserve');
  await stage.now.as('alice', 'send', 'tree', to).exit;
  await command.exit;
  expect((await stat(stage.now.path('in', 'tree', 'sub', 'run.sh'))).mode & 0o111).toBe(0);
  expect((await stat(stage.now.path('in', 'tree', 'a.txt'))).mtimeMs).toBeGreaterThan(1_000_000_000_000);
});

test('a tree continues after its receiver was killed: stored files are not sent again', async () => {
  await mkdir(stage.now.path('tree'));
  const names = Array.from({ length: 40 }, (_, index) => `file ${String(index).padStart(2, '0')}`);
  for (const name of names) await writeFile(stage.now.path('tree', name), name.repeat(10_000));
  const first = await receiver();
  const sender = stage.now.as('alice', 'send', '--wait', '60', 'tree', first.to, '--json');
  await first.command.prints(/"event":"stored".*file 20"/);
  first.command.child.kill('SIGKILL');
  await first.command.exit;
  const { command } = await receiver('--once');
  expect(await sender.exit).toBe(0);
  expect(await command.exit).toBe(0);
  const again = sender.events.filter(({ event, sent, bytes }) => event === 'stored' && sent !== bytes);
  const stored = sender.events.filter(({ event }) => event === 'stored');
  expect(stored.length - again.length).toBeLessThanOrEqual(names.length);
  expect(await readdir(stage.now.path('in', 'tree'))).toEqual(names);
  expect(await readdir(stage.now.path('in'))).toEqual(['tree']);
  const sentTwice = command.events.filter(({ event, offset, size }) => event === 'receiving' && offset !== size);
  expect(sentTwice.length).toBeLessThan(names.length - 10);
});

/** Offers files as a hostile peer may; resolves with the receiver's answers. */
async function offer(to: string, files: readonly OfferedFile[]): Promise<string[]> {
  const endpoint = new Endpoint(stage.now.relay.url, { identity: Identity.generate(randomBytes) });
  endpoints.push(endpoint);
  const socket = endpoint.connect(to, { protocols: FILES_PROTOCOL });
  const answers: string[] = [];
  const answered = new Promise<void>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const { type, detail = '' } = JSON.parse(String(data)) as { type: string; detail?: string };
      answers.push(`${type} ${detail}`.trim());
      if (answers.length === files.length) resolve();
    });
    socket.addEventListener('close', ({ code }) => {
      answers.push(`closed ${code}`);
      resolve();
    });
  });
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  socket.send(JSON.stringify({ type: 'offer', files }));
  await answered;
  socket.close(1000);
  return answers;
}

test('no folder or link from a peer leaves the receiver’s folder or changes an existing one', async () => {
  await mkdir(stage.now.path('in', 'own'), { recursive: true });
  await mkdir(stage.now.path('outside'));
  await symlink(stage.now.path('outside'), stage.now.path('in', 'own', 'elsewhere'));
  const before = (await stat(stage.now.path('in', 'own'))).mode;
  const { to } = await receiver();
  const folders = ['tree'];
  const answers = await offer(to, [
    { name: 'tree', size: 0, kind: 'folder' },
    { name: 'f', size: 1, folders: ['..', '..', 'outside'] },
    { name: 'f', size: 1, folders: ['own', 'elsewhere'] },
    { name: 'link', size: 0, kind: 'link', target: '../../outside', folders },
    { name: 'link', size: 0, kind: 'link', target: '/etc/passwd', folders },
    { name: 'link', size: 0, kind: 'link', target: 'sub/../../outside', folders },
    { name: 'top', size: 0, kind: 'link', target: 'outside' },
    { name: 'sub', size: 0, kind: 'folder', folders },
    { name: 'up', size: 0, kind: 'link', target: '..', folders: ['tree', 'sub'] },
    { name: 'f', size: 1, folders: ['tree', 'sub', 'up'] },
    { name: 'own', size: 0, kind: 'folder', mode: 0 },
  ]);
  expect(answers).toEqual([
    'stored',
    'have',
    'refused elsewhere exists here and is not a folder: move it away first',
    ...Array.from({ length: 4 }, () => 'refused it is a link that leads out of its folder'),
    'stored',
    'stored',
    'have', // in a folder of another name: the link has this one
    'stored',
  ]);
  expect(await readdir(stage.now.path('outside'))).toEqual([]);
  expect((await stat(stage.now.path('in', 'own'))).mode).toBe(before);
  expect(await readlink(stage.now.path('in', 'tree', 'sub', 'up'))).toBe('..');
});

test.each([
  [{ name: 'f', size: 1, folders: 'tree' }],
  [{ name: 'f', size: 1, folders: Array.from({ length: 65 }, () => 'a') }],
  [{ name: 'f', size: 1, kind: 'folder' }],
  [{ name: 'f', size: 0, kind: 'device' }],
  [{ name: 'f', size: 0, kind: 'link' }],
  [{ name: 'f', size: 0, target: 'a' }],
  [{ name: 'f', size: 0, mode: 0o4755 }],
  [{ name: 'f', size: 0, modifiedMs: -1 }],
])('the offer %j is refused', (file) => {
  expect(readSenderMessage(JSON.stringify({ type: 'offer', files: [file] }))).toBe(null);
});

test.each([
  ['a', 0, true],
  ['a/b', 0, true],
  ['../a', 1, true],
  ['..', 1, true],
  ['../..', 2, true],
  ['../a', 0, false],
  ['../../a', 1, false],
  ['a/..', 3, false],
  ['a/../b', 3, false],
  ['/a', 3, false],
  ['C:\\a', 3, false],
  ['..\\a', 0, false],
])('a link to %j, %i deep, stays within its tree: %s', (target, depth, stays) => {
  expect(staysWithin(target, depth)).toBe(stays);
});

test('a folder is not replaced by a file, nor a file by a folder, even with --force', async () => {
  await mkdir(stage.now.path('in', 'name', 'mine'), { recursive: true });
  await writeFile(stage.now.path('in', 'tree'), 'mine');
  const { to, command } = await receiver('--force');
  const answers = await offer(to, [
    { name: 'name', size: 1 },
    { name: 'tree', size: 0, kind: 'folder' },
    { name: 'f', size: 1, folders: ['tree'] },
  ]);
  const words = [
    'a folder with its name exists here: move it away first',
    'tree exists here and is not a folder: move it away first',
  ];
  expect(answers).toEqual([words[0], words[1], words[1]].map((why) => `refused ${why}`));
  for (const detail of words) await command.prints(new RegExp(`"event":"refused".*${detail}`));
  expect(await readdir(stage.now.path('in', 'name'))).toEqual(['mine']);
  expect(await readFile(stage.now.path('in', 'tree'), 'utf8')).toBe('mine');
});

test('an offer of 10,000 files and folders is accepted, one more is refused', async () => {
  const names = Array.from({ length: 10_001 }, (_, index) => `photo ${index} of the holiday.jpg`);
  const offer = offerText(names.slice(1).map((name) => ({ name, size: 3_000_000, folders: ['tree'] })));
  expect(Buffer.byteLength(offer)).toBeLessThan(MAX_OFFER_BYTES);
  expect(readSenderMessage(offer)).toMatchObject({ type: 'offer', files: { length: 10_000 } });
  const tree = stage.now.path('tree');
  await mkdir(tree);
  for (const name of names) mkdirSync(join(tree, name));
  const outgoing: Outgoing = { files: [], left: [] };
  await expect(openTree(tree, { exclude: [], preserve: true }, outgoing)).rejects.toThrow(
    'more than 10000 files and folders',
  );
  expect(outgoing.files).toHaveLength(10_000);
});

test('a link replaces only a link, and only with --force', async () => {
  await mkdir(stage.now.path('in', 'tree'), { recursive: true });
  await symlink('old', stage.now.path('in', 'tree', 'link'));
  const link = { name: 'link', size: 0, kind: 'link', target: 'new', folders: ['tree'] } as const;
  const { to, command } = await receiver();
  expect(await offer(to, [link])).toEqual(['refused something with its name exists here: move it away first']);
  command.child.kill('SIGTERM');
  await command.exit;
  await receiver('--force');
  expect(await offer(to, [link])).toEqual(['stored']);
  expect((await lstat(join(stage.now.path('in', 'tree', 'link')))).isSymbolicLink()).toBe(true);
  expect(await readlink(stage.now.path('in', 'tree', 'link'))).toBe('new');
});
