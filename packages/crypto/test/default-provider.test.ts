// Node's default takes what is fastest of what is installed, and says which.
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
    'seals like tweetnacl, and signs and agrees like nodeProvider, without %j',
    async (libraries) => {
      const provider = await chosenWithout(...libraries);
      const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2)];
      for (const length of [0, 1, 64, 1_000, 70_000, 131_072, 131_073]) {
        const plaintext = new Uint8Array(length).fill(length);
        const box = naclProvider.secretboxSeal(key, nonce, plaintext);
        expect(Buffer.compare(provider.secretboxSeal(key, nonce, plaintext), box)).toBe(0);
        expect(Buffer.compare(provider.secretboxOpen(key, nonce, box) ?? Buffer.of(1), plaintext)).toBe(0);
      }
      const signature = nodeProvider.ed25519Sign(key, nonce);
      expect(provider.ed25519Sign(key, nonce)).toEqual(signature);
      const publicKey = nodeProvider.ed25519PublicKey(key);
      expect(provider.ed25519PublicKey(key)).toEqual(publicKey);
      expect(provider.ed25519Verify(publicKey, nonce, signature)).toBe(true);
      expect(provider.ed25519Verify(publicKey, key, signature)).toBe(false);
      const other = nodeProvider.x25519PublicKey(new Uint8Array(32).fill(3));
      expect(provider.x25519PublicKey(key)).toEqual(nodeProvider.x25519PublicKey(key));
      expect(provider.x25519(key, other)).toEqual(nodeProvider.x25519(key, other));
      expect(provider.x25519(key, new Uint8Array(32))).toEqual(new Uint8Array(32));
    },
  );
});
