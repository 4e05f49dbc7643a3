import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeHex } from '../src/index.js';
import { randomBytes, webStorageStore } from '../src/platform/index.js';
import { fileStore } from '../src/platform/node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sws-store-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a file store keeps the seed for its owner alone, across openings', async () => {
  const path = join(folder, 'deep', 'identity');
  const store = fileStore(path);
  const seed = await store.loadOrCreate(() => randomBytes(32));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await store.close();
  const again = fileStore(path);
  expect(await again.loadOrCreate(() => randomBytes(32))).toEqual(seed);
  const other = randomBytes(32);
  await again.replace(other);
  expect(await again.load()).toEqual(other);
  await again.remove();
  expect(await again.load()).toBeNull();
  await again.close();
});

test('another process finds the identity in use, and free again after close', async () => {
  const path = join(folder, 'identity');
  const store = fileStore(path);
  await store.loadOrCreate(() => randomBytes(32));
  const module = fileURLToPath(new URL('../dist/platform/node.js', import.meta.url));
  const script = `import { fileStore } from ${JSON.stringify(module)};
    const store = fileStore(${JSON.stringify(path)});
    try { await store.load(); console.log('loaded'); await store.close(); } catch (error) { console.log(error.code); }`;
  const tryIt = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
  expect(tryIt()).toBe('identity-in-use');
  await store.close();
  expect(tryIt()).toBe('loaded');
});

test('a file that is not an identity is left alone, with a typed error', async () => {
  const path = join(folder, 'identity');
  await writeFile(path, 'precious notes');
  const store = fileStore(path);
  await expect(store.loadOrCreate(() => randomBytes(32))).rejects.toMatchObject({ code: 'identity-damaged' });
  expect(await readFile(path, 'utf8')).toBe('precious notes');
  await store.close();
});

test('web storage: two stores on one storage share one identity; damage is typed', async () => {
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const [a, b] = await Promise.all([
    webStorageStore(storage).loadOrCreate(() => randomBytes(32)),
    webStorageStore(storage).loadOrCreate(() => randomBytes(32)),
  ]);
  expect(encodeHex(a)).toBe(encodeHex(b));
  items.set('sws.identity', 'zz');
  await expect(webStorageStore(storage).load()).rejects.toMatchObject({ code: 'identity-damaged' });
});
