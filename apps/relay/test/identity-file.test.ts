import { existsSync } from 'node:fs';
import { fileStore } from '@sws/crypto/node';
import { temporaryFolder } from '@sws/testing/relay-process';
import { afterAll, expect, test } from 'vitest';
import { IdentityFile } from '../src/identity-file.js';

const folder = temporaryFolder();
afterAll(folder.remove);

test('an identity that stays locked is an error within seconds', async () => {
  const path = folder.path('held');
  const holder = fileStore(path);
  await holder.loadOrCreate(() => new Uint8Array(32).fill(7));
  const began = performance.now();
  await expect(new IdentityFile(path).loadOrCreate()).rejects.toMatchObject({ code: 'identity-in-use' });
  const waitedMs = performance.now() - began;
  expect(waitedMs).toBeGreaterThan(1_500);
  expect(waitedMs).toBeLessThan(10_000);
  await holder.close();
});

test('a briefly locked identity is waited for', async () => {
  const path = folder.path('shared');
  const holder = fileStore(path);
  await holder.loadOrCreate(() => new Uint8Array(32).fill(7));
  const loading = new IdentityFile(path).loadOrCreate();
  setTimeout(() => void holder.close(), 200);
  const { publicKey } = await loading;
  expect((await new IdentityFile(path).load())?.publicKey).toBe(publicKey);
});

test('without a prepared identity `rotate` creates one, and keeps the old one as FILE.previous', async () => {
  const file = new IdentityFile(folder.path('rotated'));
  expect(await file.load()).toBeNull();
  const { old, present } = await file.rotate();
  expect([old, (await file.load())?.publicKey, existsSync(file.nextPath)]).toEqual([null, present.publicKey, false]);
  const second = await file.rotate();
  expect(second.old?.publicKey).toBe(present.publicKey);
  expect(second.present.publicKey).not.toBe(present.publicKey);
  expect((await new IdentityFile(file.previousPath).load())?.publicKey).toBe(present.publicKey);
});
