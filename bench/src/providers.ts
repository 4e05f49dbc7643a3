import { type CryptoProvider, naclProvider } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { sodiumProvider } from '@sws/crypto/sodium';
import { wasmProvider } from '@sws/crypto/wasm';

/** The providers for Node; `wasm` is for browsers. */
export const PROVIDER_NAMES = ['nacl', 'node', 'sodium'] as const;

/** @throws RangeError for any other name */
export async function providerNamed(name: string): Promise<CryptoProvider> {
  if (name === 'nacl') return naclProvider;
  if (name === 'node') return nodeProvider;
  if (name === 'wasm') return wasmProvider();
  if (name === 'sodium') return sodiumProvider();
  throw new RangeError(`a provider is one of ${[...PROVIDER_NAMES, 'wasm'].join(', ')}`);
}
