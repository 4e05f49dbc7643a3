import { type CryptoProvider, naclProvider } from '../src/index.js';
import { nodeProvider } from '../src/platform/node.js';
import { loadSodiumNative } from '../src/platform/sodium-native-provider.js';
import { loadSodiumWasm } from '../src/platform/sodium-wasm-provider.js';
import { wasmProvider } from '../src/platform/wasm.js';

/** `null` on a machine that `sodium-native` has no build for. */
export const sodiumNative: CryptoProvider | null = await loadSodiumNative().catch(() => null);

/** Every provider; what holds for one must hold for all. */
export const PROVIDERS: readonly CryptoProvider[] = [
  naclProvider,
  nodeProvider,
  await loadSodiumWasm(),
  await wasmProvider(),
  ...(sodiumNative === null ? [] : [sodiumNative]),
];
