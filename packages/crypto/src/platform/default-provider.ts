import type { CryptoProvider } from '../provider.js';
import { nodeProvider } from './node-provider.js';
import { loadSodiumNative } from './sodium-native-provider.js';
import { loadSodiumWasm } from './sodium-wasm-provider.js';

let chosen: Promise<CryptoProvider> | null = null;

/**
 * The fastest provider that Node has here, chosen at the first call: `nodeProvider`, whose secretbox is that of
 * 1. `sodium-native`, where it is installed and has a build for this machine;
 * 2. else `libsodium-wrappers`, where it is installed;
 * 3. else tweetnacl, as ever.
 *
 * All give the same bytes. Its `name` says which: `node+sodium-native`, `node+sodium-wasm` or `node`. Never rejects.
 */
export function defaultProvider(): Promise<CryptoProvider> {
  chosen ??= loadSodiumNative()
    .catch(loadSodiumWasm)
    .then(
      ({ name, secretboxSeal, secretboxOpen }) => ({
        ...nodeProvider,
        name: `node+${name}`,
        secretboxSeal,
        secretboxOpen,
      }),
      () => nodeProvider,
    );
  return chosen;
}
