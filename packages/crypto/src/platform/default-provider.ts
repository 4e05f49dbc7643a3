import type { CryptoProvider } from '../provider.js';
import { nodeProvider } from './node-provider.js';
import { loadSodiumNative } from './sodium-native-provider.js';
import { loadSodiumWasm } from './sodium-wasm-provider.js';

let chosen: Promise<CryptoProvider> | null = null;

/**
 * The fastest available provider for Node, chosen at the first call. It is `nodeProvider` with the secretbox of
 * 1. `sodium-native`, if it is installed and has a build for this machine;
 * 2. otherwise `libsodium-wrappers`, if it is installed;
 * 3. otherwise tweetnacl, as in `nodeProvider`.
 *
 * All return the same bytes. `name` says which one it is: `node+sodium-native`, `node+sodium-wasm` or `node`. It never
 * rejects.
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
