// In IndexedDB's own words by fake-indexeddb; real pages race in tests/runtimes.
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeHex, memoryStore } from '../src/index.js';
import { browserStore, indexedDbStore, randomBytes, webStorageStore } from '../src/platform/index.js';

let items: Map<string, string>;
const storage = {
  getItem: (key: string) => items.get(key) ?? null,
  setItem: (key: string, value: string) => void items.set(key, value),
  removeItem: (key: string) => void items.delete(key),
};
const create = () => randomBytes(32);

beforeEach(() => {
  items = new Map();
  vi.stubGlobal('indexedDB', new IDBFactory());
  vi.stubGlobal('localStorage', storage);
});
afterEach(() => vi.unstubAllGlobals());

describe('indexedDbStore', () => {
  test('keeps the seed across openings, replaces and removes it', async () => {
    const store = indexedDbStore();
    expect(await store.load()).toBeNull();
    const seed = await store.loadOrCreate(create);
    expect(await indexedDbStore().load()).toEqual(seed);
    const other = randomBytes(32);
    await store.replace(other);
    expect(await indexedDbStore().loadOrCreate(create)).toEqual(other);
    await store.remove();
    expect(await indexedDbStore().load()).toBeNull();
    await store.close();
  });

  test('two keys are two identities', async () => {
    const [a, b] = [
      await indexedDbStore().loadOrCreate(create),
      await indexedDbStore({ key: 'b' }).loadOrCreate(create),
    ];
    expect(a).not.toEqual(b);
    expect(await indexedDbStore({ key: 'b' }).load()).toEqual(b);
  });

  test('eight racing first uses get the same identity, which stays', async () => {
    const seeds = await Promise.all(Array.from({ length: 8 }, () => indexedDbStore().loadOrCreate(create)));
    const [first] = seeds;
    for (const seed of seeds) expect(seed).toEqual(first);
    expect(await indexedDbStore().load()).toEqual(first);
  });

  test('a value that is not an identity stays, and gives a typed error', async () => {
    await indexedDbStore().replace(randomBytes(32));
    const opened = indexedDB.open('sws');
    await new Promise((resolve) => {
      opened.onsuccess = resolve;
    });
    const transaction = opened.result.transaction('identities', 'readwrite');
    transaction.objectStore('identities').put('notes', 'sws.identity');
    await new Promise((resolve) => {
      transaction.oncomplete = resolve;
    });
    await expect(indexedDbStore().loadOrCreate(create)).rejects.toMatchObject({ code: 'identity-damaged' });
    await expect(indexedDbStore().load()).rejects.toMatchObject({ code: 'identity-damaged' });
  });

  test('a browser’s error becomes a typed error with it as the cause', async () => {
    vi.stubGlobal('indexedDB', {
      open() {
        throw new DOMException('disk', 'UnknownError');
      },
    });
    await expect(indexedDbStore().loadOrCreate(create)).rejects.toMatchObject({
      code: 'store-unavailable',
      cause: { name: 'UnknownError' },
    });
  });
});

describe('an identity that an older version put into web storage', () => {
  test('is moved, even when tabs race', async () => {
    const old = await webStorageStore(storage).loadOrCreate(create);
    const seeds = await Promise.all(Array.from({ length: 4 }, () => browserStore().loadOrCreate(create)));
    for (const seed of seeds) expect(seed).toEqual(old);
    expect(items.size).toBe(0);
    expect(await browserStore().load()).toEqual(old);
  });

  test('is found by load, which does not move it', async () => {
    const old = await webStorageStore(storage).loadOrCreate(create);
    expect(await browserStore().load()).toEqual(old);
    expect(items.get('sws.identity')).toBe(encodeHex(old));
  });

  test('is not replaced by another one in IndexedDB', async () => {
    const here = await browserStore().loadOrCreate(create);
    const old = await webStorageStore(storage).loadOrCreate(create);
    expect(await browserStore().loadOrCreate(create)).toEqual(here);
    expect(items.get('sws.identity')).toBe(encodeHex(old));
  });

  test('is removed too, so it does not come back', async () => {
    await webStorageStore(storage).loadOrCreate(create);
    await browserStore().remove();
    expect(await browserStore().load()).toBeNull();
  });

  test('stays if the move fails', async () => {
    const old = await webStorageStore(storage).loadOrCreate(create);
    const remove = vi.fn(async () => {});
    vi.stubGlobal('indexedDB', undefined);
    const store = indexedDbStore({ inherit: { ...memoryStore(), load: async () => old, remove } });
    await expect(store.loadOrCreate(create)).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(remove).not.toHaveBeenCalled();
  });
});

describe('browserStore falls back', () => {
  const refuse = (name: string) =>
    vi.stubGlobal('indexedDB', {
      open() {
        throw new DOMException('not here', name);
      },
    });

  test.each(['SecurityError', 'InvalidStateError'])('to web storage if IndexedDB is refused: %s', async (name) => {
    refuse(name);
    const seed = await browserStore().loadOrCreate(create);
    expect(items.get('sws.identity')).toBe(encodeHex(seed));
    expect(await browserStore().load()).toEqual(seed);
  });

  test('to memory if both are refused, as in a sandboxed frame, with a new identity', async () => {
    refuse('SecurityError');
    vi.stubGlobal('localStorage', undefined);
    const store = browserStore();
    expect(await store.loadOrCreate(create)).toEqual(await store.load());
    expect(await browserStore().load()).toBeNull();
  });

  test('not on a temporary failure; the next call tries again', async () => {
    const seed = await browserStore().loadOrCreate(create);
    const working = globalThis.indexedDB;
    refuse('UnknownError');
    const store = browserStore();
    await expect(store.loadOrCreate(create)).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(items.size).toBe(0);
    vi.stubGlobal('indexedDB', working);
    expect(await store.loadOrCreate(create)).toEqual(seed);
  });
});
