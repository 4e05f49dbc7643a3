// Node's default takes the fastest secretbox that is installed, and says which.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { naclProvider } from '../src/index.js';
import { nodeProvider } from '../src/platform/node.js';
import { sodiumNative } from './provider-table.js';

afterEach(() => {
  vi.doUnmock('sodium-native');
  vi.doUnmock('libsodium-wrappers');
  vi.resetModules();
});

const missing = () => {
  throw new Error('not installed');
};

/** The default of a process where these libraries are not installed. */
async function chosenWithout(...libraries: string[]) {
  vi.resetModules();
  for (const library of libraries) vi.doMock(library, missing);
  const { defaultProvider } = await import('../src/platform/node.js');
  expect(defaultProvider()).toBe(defaultProvider());
  return defaultProvider();
}

describe('defaultProvider', () => {
  test.skipIf(sodiumNative === null)('uses sodium-native first (skipped where it has no build)', async () => {
    expect((await chosenWithout()).name).toBe('node+sodium-native');
  });

  test('uses libsodium-wrappers if sodium-native is not installed', async () => {
    expect((await chosenWithout('sodium-native')).name).toBe('node+sodium-wasm');
  });

  test('is nodeProvider if neither is installed', async () => {
    const provider = await chosenWithout('sodium-native', 'libsodium-wrappers');
    expect(provider.name).toBe('node');
  });

  test.each([[[]], [['sodium-native']], [['sodium-native', 'libsodium-wrappers']]])(
    'seals and signs like tweetnacl without %j',
    async (libraries) => {
      const provider = await chosenWithout(...libraries);
      const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2)];
      for (const length of [0, 1, 64, 1_000, 70_000]) {
        const plaintext = new Uint8Array(length).fill(length);
        const box = naclProvider.secretboxSeal(key, nonce, plaintext);
        expect(Buffer.compare(provider.secretboxSeal(key, nonce, plaintext), box)).toBe(0);
        expect(Buffer.compare(provider.secretboxOpen(key, nonce, box) ?? Buffer.of(1), plaintext)).toBe(0);
      }
      expect(provider.ed25519Sign(key, nonce)).toEqual(nodeProvider.ed25519Sign(key, nonce));
    },
  );
});
