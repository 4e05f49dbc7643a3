import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IncomingFile } from '../src/incoming-file.js';

/** What a process that is killed never comes back from. */
const killed = vi.hoisted(() => ({ at: '' }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const unless =
    <A extends unknown[], R>(name: string, call: (...given: A) => Promise<R>) =>
    (...given: A): Promise<R> =>
      killed.at === name ? new Promise<R>(() => {}) : call(...given);
  return { ...real, rename: unless('rename', real.rename), rm: unless('rm', real.rm) };
});

const CONTENT = 'all of it';
const sha256 = createHash('sha256').update(CONTENT).digest('hex');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sws-incoming-'));
});
afterEach(async () => {
  killed.at = '';
  await rm(folder, { recursive: true });
});

const found = (): Promise<IncomingFile> =>
  IncomingFile.find(
    { folder, name: 'a.txt', peer: 'ab'.repeat(32), force: false, keeps: {} },
    CONTENT.length,
    undefined,
  );

test.each(['rename', 'rm'])(
  'a process killed at its %s leaves a file that is whole after the next send',
  async (at) => {
    const first = await found();
    await first.begin(0);
    await first.append(Buffer.from(CONTENT));
    killed.at = at;
    void first.finish(CONTENT.length, sha256);
    await expect.poll(() => readFile(join(folder, 'a.txt'), 'utf8').catch(() => '')).toBe(CONTENT);
    killed.at = '';
    const again = await found();
    await again.begin(again.bytes);
    if (again.bytes === 0) await again.append(Buffer.from(CONTENT));
    expect(await again.finish(CONTENT.length, sha256)).toBe(join(folder, 'a.txt'));
    expect(await readdir(folder)).toEqual(['a.txt']);
  },
);

test('a file with the same name stays, and the new one gets a number', async () => {
  await writeFile(join(folder, 'a.txt'), 'another');
  const incoming = await found();
  await incoming.begin(0);
  await incoming.append(Buffer.from(CONTENT));
  expect(await incoming.finish(CONTENT.length, sha256)).toBe(join(folder, 'a (1).txt'));
  expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('another');
});
