import type { CryptoProvider } from '@sws/crypto';

/** What a provider was asked to do: the work that a peer causes, whatever the machine. */
export interface Work {
  /** X25519 and ML-KEM operations. */
  publicKeyOperations: number;
  /** Bytes hashed, sealed and opened. */
  bytes: number;
}

/** A provider that counts what it does. */
export function countingProvider(provider: CryptoProvider): { readonly provider: CryptoProvider; readonly work: Work } {
  const work: Work = { publicKeyOperations: 0, bytes: 0 };
  const operation = <A extends unknown[], R>(action: (...given: A) => R) => {
    return (...given: A): R => {
      work.publicKeyOperations++;
      return action(...given);
    };
  };
  const counting: CryptoProvider = {
    ...provider,
    x25519: operation(provider.x25519),
    x25519PublicKey: operation(provider.x25519PublicKey),
    kemKeyPair: operation(provider.kemKeyPair),
    kemEncapsulate: operation(provider.kemEncapsulate),
    kemDecapsulate: operation(provider.kemDecapsulate),
    sha512(bytes) {
      work.bytes += bytes.length;
      return provider.sha512(bytes);
    },
    secretboxSeal(key, nonce, plaintext, into) {
      work.bytes += plaintext.length;
      return provider.secretboxSeal(key, nonce, plaintext, into);
    },
    secretboxOpen(key, nonce, box) {
      work.bytes += box.length;
      return provider.secretboxOpen(key, nonce, box);
    },
  };
  return { provider: counting, work };
}
