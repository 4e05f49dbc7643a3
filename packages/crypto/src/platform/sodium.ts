import type { CryptoProvider } from '../provider.js';
import { loadSodiumNative } from './sodium-native-provider.js';
import { loadSodiumWasm } from './sodium-wasm-provider.js';

/**
 * libsodium: `sodium-native` where it is installed and has a build for this machine, else `libsodium-wrappers`
 * (WebAssembly); in a browser the latter alone. Install one of them beside this package.
 * @throws SwsError `provider-unavailable` where neither is installed
 * @example
 * ```ts
 * const endpoint = new Endpoint('wss://relay.example', { provider: await sodiumProvider() });
 * ```
 */
export async function sodiumProvider(): Promise<CryptoProvider> {
  return loadSodiumNative().catch(loadSodiumWasm);
}
