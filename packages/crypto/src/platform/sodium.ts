import type { CryptoProvider } from '../provider.js';
import { loadSodiumNative } from './sodium-native-provider.js';
import { loadSodiumWasm } from './sodium-wasm-provider.js';

/**
 * libsodium: `sodium-native` if it is installed and has a build for this machine, otherwise `libsodium-wrappers`
 * (WebAssembly). In a browser it is always `libsodium-wrappers`. Install one of them beside this package.
 * @throws SwsError `provider-unavailable` if neither is installed
 * @example
 * ```ts
 * const endpoint = new Endpoint('wss://relay.example', { provider: await sodiumProvider() });
 * ```
 */
export async function sodiumProvider(): Promise<CryptoProvider> {
  return loadSodiumNative().catch(loadSodiumWasm);
}
