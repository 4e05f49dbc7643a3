import { concatBytes } from '../bytes.js';
import { hkdf } from '../hkdf.js';
import { naclProvider } from '../nacl.js';
import type { CryptoProvider } from '../provider.js';
import { bySeed } from './by-seed.js';

const TAG_BYTES = 16;

/**
 * libsodium through its native binding, for Node, Bun and Deno. The binding lacks ML-KEM, which is that of
 * `naclProvider`. Rejects if `sodium-native` is not installed or has no build for this machine.
 */
export async function loadSodiumNative(): Promise<CryptoProvider> {
  // Bundlers must ignore a module that may be missing: webpack does by the comment, esbuild by `catch`.
  const load = import(/* webpackIgnore: true */ 'sodium-native').catch((error: unknown) => Promise.reject(error));
  const { default: sodium } = await load;
  const sha512 = (bytes: Uint8Array) => {
    const hash = new Uint8Array(64);
    sodium.crypto_hash_sha512(hash, bytes);
    return hash;
  };
  const publicKeyOf = bySeed((seed) => {
    const publicKey = new Uint8Array(32);
    const secretKey = new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
    secretKey.fill(0);
    return publicKey;
  });
  return {
    ...naclProvider,
    name: 'sodium-native',
    sha512,
    hkdf: (salt, ikm, info, length) => hkdf(sha512, salt, ikm, info, length),
    x25519PublicKey(secret) {
      const publicKey = new Uint8Array(32);
      sodium.crypto_scalarmult_base(publicKey, secret);
      return publicKey;
    },
    x25519(secret, publicKey) {
      const shared = new Uint8Array(32);
      try {
        sodium.crypto_scalarmult(shared, secret, publicKey);
      } catch {
        shared.fill(0); // libsodium refuses points of low order; other providers return zeros
      }
      return shared;
    },
    ed25519PublicKey: (seed) => publicKeyOf(seed).slice(),
    ed25519Sign(seed, message) {
      // libsodium's form of a secret key is seed || public key.
      const secretKey = concatBytes(seed, publicKeyOf(seed));
      const signature = new Uint8Array(64);
      sodium.crypto_sign_detached(signature, message, secretKey);
      secretKey.fill(0);
      return signature;
    },
    ed25519Verify: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
    secretboxSeal(key, nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
      sodium.crypto_secretbox_easy(into, plaintext, nonce, key);
      return into;
    },
    secretboxOpen(key, nonce, box, into) {
      if (box.length < TAG_BYTES) return null;
      const plaintext = into ?? new Uint8Array(box.length - TAG_BYTES);
      return sodium.crypto_secretbox_open_easy(plaintext, box, nonce, key) ? plaintext : null;
    },
  };
}
