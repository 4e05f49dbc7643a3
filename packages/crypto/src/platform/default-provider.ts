import type { CryptoProvider } from '../provider.js';
import { nodeProvider } from './node-provider.js';
import { loadSodiumNative } from './sodium-native-provider.js';
import { loadSodiumWasm } from './sodium-wasm-provider.js';

let chosen: Promise<CryptoProvider> | null = null;

/**
 * The fastest available provider for Node, chosen at the first call. It is `nodeProvider` with
 * 1. the secretbox, X25519 and Ed25519 of `sodium-native`, if it is installed and has a build for this machine;
 * 2. otherwise the secretbox, X25519 and ML-KEM of `libsodium-wrappers`, if it is installed.
 *
 * All return the same bytes. `name` says which one it is: `node+sodium-native`, `node+sodium-wasm` or `node`. It never
 * rejects.
 */
export function defaultProvider(): Promise<CryptoProvider> {
  chosen ??= withSodiumNative()
    .catch(withSodiumWasm)
    .catch(() => nodeProvider);
  return chosen;
}

async function withSodiumNative(): Promise<CryptoProvider> {
  const { sha512, hkdf } = nodeProvider;
  return { ...(await loadSodiumNative()), name: 'node+sodium-native', sha512, hkdf };
}

async function withSodiumWasm(): Promise<CryptoProvider> {
  const { sha512, hkdf, ed25519PublicKey, ed25519Sign, ed25519Verify } = nodeProvider;
  const name = 'node+sodium-wasm';
  return { ...(await loadSodiumWasm()), name, sha512, hkdf, ed25519PublicKey, ed25519Sign, ed25519Verify };
}
