import { type CryptoProvider, naclProvider } from '@sws/crypto';
import { defaultProvider, nodeProvider } from '@sws/crypto/node';
import { sodiumProvider } from '@sws/crypto/sodium';
import { wasmProvider } from '@sws/crypto/wasm';

/** The compared providers for Node. `default` is what a client in Node takes: here with `sodium-native`. */
export const PROVIDER_NAMES = ['nacl', 'default', 'sodium'] as const;

/** @throws RangeError for any other name */
export async function providerNamed(name: string): Promise<CryptoProvider> {
  if (name === 'nacl') return naclProvider;
  if (name === 'node') return nodeProvider;
  if (name === 'default') return defaultProvider();
  if (name === 'wasm') return wasmProvider();
  if (name === 'sodium') return sodiumProvider();
  throw new RangeError(`a provider is one of ${[...PROVIDER_NAMES, 'node', 'wasm'].join(', ')}`);
}
