/// <reference path="../src/platform/sodium-native.d.ts" />
// Copies of secrets that this package makes are zeros when it has done with them. The functions that they pass through are
// watched: what goes in or comes out is the very array.
import sodiumWasm from 'libsodium-wrappers';
import nacl from 'tweetnacl';
import { afterEach, expect, test, vi } from 'vitest';
import { hkdf } from '../src/hkdf.js';
import { Identity, memoryStore, naclProvider, seal, unseal } from '../src/index.js';
import { signAsync } from '../src/platform/index.js';
import { nodeProvider } from '../src/platform/node.js';
import { loadSodiumWasm } from '../src/platform/sodium-wasm-provider.js';
import { sodiumNative } from './provider-table.js';

const createPrivateKey = vi.hoisted(() => ({ keys: [] as Uint8Array[] }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  return {
    ...crypto,
    createPrivateKey(input: { key: Buffer }) {
      createPrivateKey.keys.push(input.key);
      return crypto.createPrivateKey(input as never);
    },
  };
});
afterEach(() => void vi.restoreAllMocks());

const isErased = (bytes: unknown): boolean => bytes instanceof Uint8Array && bytes.every((byte) => byte === 0);
const secret = () => new Uint8Array(32).fill(7);
const provider = () => ({ ...naclProvider });

test('hkdf erases everything that it hashed', () => {
  const passed: Uint8Array[] = [];
  const sha512 = (bytes: Uint8Array) => {
    const hash = naclProvider.sha512(bytes);
    passed.push(bytes, hash);
    return hash;
  };
  const salt = new Uint8Array(20).fill(1);
  const okm = hkdf(sha512, salt, secret(), Uint8Array.of(9), 100);
  expect(okm.every((byte) => byte === 0)).toBe(false);
  expect(salt).toEqual(new Uint8Array(20).fill(1));
  // Two for the key, two for each block; of each what went in and came out.
  expect(passed).toHaveLength(12);
  expect(passed.filter((bytes) => !isErased(bytes))).toEqual([]);
});

test('an identity erases its copy of the seed and its hash, and leaves the caller’s array', () => {
  const watched = provider();
  const sha512 = vi.spyOn(watched, 'sha512');
  const seed = secret();
  Identity.generate(() => seed, watched);
  expect(isErased(seed)).toBe(true);
  const mine = secret();
  const identity = Identity.fromSeed(mine, watched);
  expect(mine).toEqual(secret());
  expect(sha512.mock.results.map(({ value }) => isErased(value))).toEqual([true, true]);
  expect(identity.exportSeed()).toEqual(secret());
});

test('seal and unseal erase the key and the seed', { timeout: 60_000 }, async () => {
  const sealing = vi.spyOn(naclProvider, 'secretboxSeal');
  const opening = vi.spyOn(naclProvider, 'secretboxOpen');
  const text = await seal(Identity.fromSeed(secret()), 'passphrase', (length) => new Uint8Array(length).fill(1));
  const [key, , seed] = sealing.mock.calls[0] ?? [];
  expect([key?.length, isErased(key), isErased(seed)]).toEqual([32, true, true]);
  expect((await unseal(text, 'passphrase')).exportSeed()).toEqual(secret());
  expect(isErased(opening.mock.calls[0]?.[0])).toBe(true);
  expect(isErased(opening.mock.results[0]?.value)).toBe(true);
});

test('a memory store erases a seed that it no longer holds', async () => {
  const copying = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, 'slice');
  const store = memoryStore();
  await store.replace(secret());
  await store.replace(new Uint8Array(32).fill(8));
  expect(await store.load()).toEqual(new Uint8Array(32).fill(8));
  await store.remove();
  const [first, second] = copying.mock.results.map(({ value }) => value);
  expect([isErased(first), isErased(second)]).toEqual([true, true]);
});

test('signing erases all forms of the seed', async () => {
  const importing = vi.spyOn(globalThis.crypto.subtle, 'importKey');
  await signAsync(secret(), Uint8Array.of(1));
  expect(isErased(importing.mock.calls[0]?.[1])).toBe(true);

  importing.mockRejectedValue(new DOMException('no Ed25519', 'NotSupportedError'));
  const signing = vi.spyOn(naclProvider, 'ed25519Sign');
  await signAsync(secret(), Uint8Array.of(1));
  expect(isErased(signing.mock.calls[0]?.[0])).toBe(true);

  createPrivateKey.keys.length = 0;
  nodeProvider.ed25519Sign(secret(), Uint8Array.of(1));
  nodeProvider.x25519PublicKey(secret());
  expect(createPrivateKey.keys.map(isErased)).toEqual([true, true]);

  const wasm = await loadSodiumWasm();
  const detached = vi.spyOn(sodiumWasm, 'crypto_sign_detached');
  wasm.ed25519Sign(secret(), Uint8Array.of(1));
  expect(isErased(detached.mock.calls[0]?.[1])).toBe(true);
});

test.skipIf(sodiumNative === null)(
  'sodium-native erases secret keys (skipped where it has no build for this machine)',
  async () => {
    const { default: sodium } = await import('sodium-native');
    const signing = vi.spyOn(sodium, 'crypto_sign_detached');
    const making = vi.spyOn(sodium, 'crypto_sign_seed_keypair');
    sodiumNative?.ed25519Sign(secret(), Uint8Array.of(1));
    sodiumNative?.ed25519PublicKey(secret());
    expect(isErased(signing.mock.calls[0]?.[2])).toBe(true);
    expect(making.mock.calls.map(([, secretKey]) => isErased(secretKey))).toEqual([true, true]);
  },
);

test('libsodium’s memory holds no secret of X25519, ML-KEM and secretbox after a call', async () => {
  const wasm = await loadSodiumWasm();
  const { libsodium } = sodiumWasm as unknown as { libsodium: { HEAPU8: Uint8Array } };
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const [own, seed, entropy] = [random(32), random(64), random(32)];
  const shared = wasm.x25519(own, wasm.x25519PublicKey(own));
  const { encapsulationKey, decapsulationKey } = wasm.kemKeyPair(seed);
  const sent = wasm.kemEncapsulate(encapsulationKey, entropy);
  const received = wasm.kemDecapsulate(sent?.ciphertext ?? random(1_088), decapsulationKey);
  expect(received).toEqual(sent?.sharedSecret);
  const [key, nonce, text, into] = [random(32), random(24), random(50_000), new Uint8Array(50_000)];
  expect(wasm.secretboxOpen(key, nonce, wasm.secretboxSeal(key, nonce, text), into)).toEqual(text);
  const memory = Buffer.from(libsodium.HEAPU8.buffer);
  const secrets = {
    key,
    text: text.subarray(0, 64),
    own,
    shared,
    seed,
    d: seed.subarray(0, 32),
    z: seed.subarray(32),
    entropy,
    received,
  };
  for (const [name, bytes] of Object.entries({ ...secrets, decapsulationKey: decapsulationKey.subarray(0, 64) }))
    expect(memory.includes(Buffer.from(bytes ?? [])), name).toBe(false);
  expect(() => wasm.x25519(random(31), own)).toThrow('input must have 32 bytes, got 31');
});

test('tweetnacl’s buffer holds no plaintext after a call', () => {
  const { lowlevel } = nacl as unknown as {
    lowlevel: Record<'crypto_secretbox' | 'crypto_secretbox_open', (...given: Uint8Array[]) => number>;
  };
  const sealing = vi.spyOn(lowlevel, 'crypto_secretbox');
  const opening = vi.spyOn(lowlevel, 'crypto_secretbox_open');
  const [key, nonce, plaintext] = [secret(), new Uint8Array(24), new Uint8Array(100).fill(5)];
  const box = naclProvider.secretboxSeal(key, nonce, plaintext);
  expect(isErased(sealing.mock.calls[0]?.[1])).toBe(true);
  expect(naclProvider.secretboxOpen(key, nonce, box)).toEqual(plaintext);
  expect(isErased(opening.mock.calls[0]?.[0])).toBe(true);
});
