import { type CryptoProvider, naclProvider } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { sodiumProvider } from '@sws/crypto/sodium';

/** Every provider that must agree with the vectors: the one place to add another. */
export const PROVIDERS: readonly CryptoProvider[] = [naclProvider, nodeProvider, await sodiumProvider()];
