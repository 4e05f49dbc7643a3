import { type CryptoProvider, naclProvider } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';

/** Every provider that must agree with the vectors: the one place to add another. */
export const PROVIDERS: readonly CryptoProvider[] = [naclProvider, nodeProvider];
