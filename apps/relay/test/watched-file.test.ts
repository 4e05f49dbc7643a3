import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WatchedFile } from '../src/watched-file.js';

/** What `fs.watchFile` was given; the tests say when a look finds a change. */
const watch = vi.hoisted(() => ({ intervals: [] as number[], looks: [] as ((now: object, before: object) => void)[] }));
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watchFile: (_: string, { interval }: { interval: number }, look: (now: object, before: object) => void) => {
    watch.intervals.push(interval);
    watch.looks.push(look);
  },
  unwatchFile: (_: string, look: (now: object, before: object) => void) => {
    watch.looks = watch.looks.filter((one) => one !== look);
  },
}));

const folder = temporaryFolder();
afterAll(folder.remove);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  watch.intervals = [];
  watch.looks = [];
});
afterEach(() => void vi.useRealTimers());

/** Content that takes long to parse. */
const SLOW = '2000';
const BEFORE = { mtimeMs: 1, ino: 1, size: 1 };
async function open(lookEveryMs?: number) {
  const path = folder.path('file');
  writeFileSync(path, '1');
  const heard: (number | string)[] = [];
  const file = await WatchedFile.open({
    path,
    parse: async (content) => {
      if (content === SLOW) for (let i = 0; i < 20; i++) await readFile(path);
      if (!/^\d+$/.test(content)) throw new Error(`not a number: ${content}`);
      return Number(content);
    },
    onChange: (value) => heard.push(value),
    onError: ({ message }) => heard.push(message),
    ...(lookEveryMs === undefined ? {} : { lookEveryMs }),
  });
  const write = (content: string): void => {
    writeFileSync(`${path}.new`, content);
    utimesSync(`${path}.new`, 1, 1);
    renameSync(`${path}.new`, path);
  };
  return { file, heard, write };
}
const look = (change: object): void => watch.looks[0]?.({ ...BEFORE, ...change }, BEFORE);

test.each([
  ['time', { mtimeMs: 2 }],
  ['place', { ino: 2 }],
  ['size', { size: 2 }],
])('a changed %s is read after a second without changes', async (_, change) => {
  const { file, heard, write } = await open();
  expect([watch.intervals, file.value]).toEqual([[1_000], 1]);
  write('2');
  look({});
  expect(vi.getTimerCount()).toBe(0);
  look(change);
  await vi.advanceTimersByTimeAsync(900);
  look(change);
  await vi.advanceTimersByTimeAsync(999);
  expect(heard).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await vi.waitFor(() => expect(heard).toEqual([2]));
  expect(file.value).toBe(2);
  file.close();
});

test('invalid content is reported, and the last valid content stays', async () => {
  const { file, heard, write } = await open(50);
  expect(watch.intervals).toEqual([50]);
  write('x');
  look({ size: 9 });
  await vi.advanceTimersByTimeAsync(50);
  await vi.waitFor(() => expect(heard).toEqual(['not a number: x']));
  expect(file.value).toBe(1);
  file.close();
});

test('after close nothing is read', async () => {
  const { file, heard, write } = await open();
  write('2');
  look({ size: 9 });
  file.close();
  expect([watch.looks.length, vi.getTimerCount()]).toEqual([0, 0]);
  await file.reload();
  expect(heard).toEqual([2]); // whoever asks gets what is there
});

test('of two reloads the later one wins, though the earlier one takes longer', async () => {
  const { file, heard, write } = await open();
  write(SLOW);
  const first = file.reload();
  await readFile(folder.path('file')); // which takes as long as the first reload’s own reading
  write('3');
  await Promise.all([first, file.reload()]);
  expect([heard.at(-1), file.value]).toEqual([3, 3]);
  file.close();
});
