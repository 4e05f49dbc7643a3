import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { encodeHex, memoryStore } from '../src/index.js';
import { randomBytes, webStorageStore } from '../src/platform/index.js';
import { fileStore } from '../src/platform/node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sws-store-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a file store keeps the seed across openings, readable by its owner only', async () => {
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

test('another process gets identity-in-use until close, and may read meanwhile', async () => {
  const path = join(folder, 'identity');
  const store = fileStore(path);
  const seed = await store.loadOrCreate(() => randomBytes(32));
  const module = fileURLToPath(new URL('../dist/platform/node.js', import.meta.url));
  const script = `import { fileStore } from ${JSON.stringify(module)};
    const store = fileStore(${JSON.stringify(path)});
    console.log(Buffer.from(await store.load()).toString('hex'));
    try { await store.loadOrCreate(); console.log('held'); await store.close(); } catch (error) { console.log(error.code); }`;
  const tryIt = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
  expect(tryIt()).toBe(`${encodeHex(seed)}\nidentity-in-use`);
  await store.close();
  expect(tryIt()).toBe(`${encodeHex(seed)}\nheld`);
});

test('a killed process’s lock is waited for, if asked', async () => {
  const path = join(folder, 'identity');
  const seed = new Uint8Array(32).fill(7);
  await mkdir(`${path}.lock`);
  const touched = Date.now() / 1_000 - 9; // stale in a second
  await utimes(`${path}.lock`, touched, touched);
  await expect(fileStore(path).loadOrCreate(() => seed)).rejects.toMatchObject({ code: 'identity-in-use' });
  const onWait = vi.fn();
  const store = fileStore(path, { waitMs: 10_000, onWait });
  expect(await store.loadOrCreate(() => seed)).toEqual(seed);
  expect(onWait).toHaveBeenCalledOnce();
  await store.close();
});

test('a process that ends without close leaves no lock', async () => {
  const path = join(folder, 'identity');
  const module = fileURLToPath(new URL('../dist/platform/node.js', import.meta.url));
  for (const end of ['process.exit(0)', '']) {
    const script = `import { fileStore } from ${JSON.stringify(module)};
      await fileStore(${JSON.stringify(path)}).loadOrCreate(() => new Uint8Array(32).fill(5)); ${end}`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    const store = fileStore(path);
    expect(await store.load()).toEqual(new Uint8Array(32).fill(5));
    await store.close();
  }
  expect(await readdir(folder)).toEqual(['identity']);
});

test('two racing first uses of one file store get the same identity', async () => {
  const store = fileStore(join(folder, 'identity'));
  const [a, b] = await Promise.all([
    store.loadOrCreate(() => randomBytes(32)),
    store.loadOrCreate(() => randomBytes(32)),
  ]);
  expect(a).toEqual(b);
  expect(await store.load()).toEqual(a);
  await store.close();
});

test('an error of the lock itself is not identity-in-use', async () => {
  const path = join(folder, 'n'.repeat(253)); // `.lock` makes it too long for a name
  await expect(fileStore(path).loadOrCreate(() => randomBytes(32))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
});

test('a lock lost during sleep breaks nothing; the next use takes it again', async () => {
  const path = join(folder, 'identity');
  const store = fileStore(path);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const seed = await store.loadOrCreate(() => randomBytes(32));
    await rm(`${path}.lock`, { recursive: true });
    vi.advanceTimersByTime(5_000); // the lock looks after itself, and finds that it is gone
    await vi.waitFor(
      async () => {
        expect(await store.loadOrCreate(() => randomBytes(32))).toEqual(seed);
        expect(await readdir(folder)).toContain('identity.lock');
      },
      { interval: 10, timeout: 5_000 },
    );
  } finally {
    vi.useRealTimers();
  }
  await store.close();
});

test('a file that is not an identity stays, and gives a typed error', async () => {
  const path = join(folder, 'identity');
  await writeFile(path, 'precious notes');
  const store = fileStore(path);
  await expect(store.loadOrCreate(() => randomBytes(32))).rejects.toMatchObject({ code: 'identity-damaged' });
  expect(await readFile(path, 'utf8')).toBe('precious notes');
  await store.close();
});

test('a closed store can be closed again, and takes its lock again when used', async () => {
  const path = join(folder, 'identity');
  const store = fileStore(path);
  const seed = await store.loadOrCreate(() => randomBytes(32));
  await store.close();
  await store.close();
  expect(await store.loadOrCreate(() => randomBytes(32))).toEqual(seed);
  const other = fileStore(path);
  await expect(other.loadOrCreate(() => randomBytes(32))).rejects.toMatchObject({ code: 'identity-in-use' });
  await store.close();
  expect(await other.loadOrCreate(() => randomBytes(32))).toEqual(seed);
  await other.close();
});

test('a read error is Node’s own, and does not count as no identity', async () => {
  const path = join(folder, 'a-folder');
  await mkdir(path);
  const store = fileStore(path);
  await expect(store.load()).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(store.loadOrCreate(() => randomBytes(32))).rejects.toMatchObject({ code: 'EISDIR' });
  await store.close();
});

test('a write that fails leaves no seed beside the file', async () => {
  const path = join(folder, 'a-folder');
  await mkdir(path);
  const store = fileStore(path);
  await expect(store.replace(randomBytes(32))).rejects.toMatchObject({ code: 'EISDIR' });
  await store.close();
  expect(await readdir(folder)).toEqual(['a-folder']);
});

test('a memory store removes its identity, or nothing', async () => {
  const store = memoryStore();
  await store.remove();
  expect(await store.load()).toBeNull();
  const seed = new Uint8Array(32).fill(1);
  expect([await store.loadOrCreate(() => seed.slice()), await store.load()]).toEqual([seed, seed]);
  await store.remove();
  expect(await store.load()).toBeNull();
});

test('web storage: replace stores another seed', async () => {
  const items = new Map<string, string>();
  const store = webStorageStore({
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  });
  await store.replace(new Uint8Array(32).fill(1));
  await store.replace(new Uint8Array(32).fill(2));
  expect([await store.load(), items.get('sws.identity')]).toEqual([new Uint8Array(32).fill(2), '02'.repeat(32)]);
  await expect(store.replace(new Uint8Array(31))).rejects.toMatchObject({ code: 'identity-damaged' });
});

test('web storage: two stores share one identity; damage gives a typed error', async () => {
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

test('two racing browser tabs get the same identity', async () => {
  // Each tab sees the other's writes only when it takes the lock, as browsers with a process per tab may do.
  const shared = new Map<string, string>();
  let turn: Promise<unknown> = Promise.resolve();
  const tab = () => {
    let view = new Map<string, string>();
    const storage = {
      getItem: (key: string) => view.get(key) ?? null,
      setItem: (key: string, value: string) => void view.set(key, value),
      removeItem: (key: string) => void view.delete(key),
    };
    const request = (name: string, work: () => unknown) => {
      expect(name).toBe('sws.identity');
      turn = turn.then(() => {
        view = new Map(shared);
        const result = work();
        for (const [key, value] of view) shared.set(key, value);
        return result;
      });
      return turn;
    };
    return { storage, request };
  };
  const tabs = [tab(), tab()];
  const loading = tabs.map(({ storage, request }) => {
    vi.stubGlobal('navigator', { locks: { request } });
    return webStorageStore(storage).loadOrCreate(() => randomBytes(32));
  });
  vi.unstubAllGlobals();
  const [a, b] = await Promise.all(loading);
  expect(b).toEqual(a);
});
