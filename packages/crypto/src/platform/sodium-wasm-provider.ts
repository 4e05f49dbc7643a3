import { sha3_256 } from '@noble/hashes/sha3.js';
import { equalBytes } from '../bytes.js';
import { hkdf } from '../hkdf.js';
import type { CryptoProvider } from '../provider.js';
import { SwsError } from '../sws-error.js';

/** The offsets of the encapsulation key and its hash in a decapsulation key of ML-KEM-768 (FIPS 203 §7.1). */
const EK_AT = 1152;
const EK_HASH_AT = 2336;
const DECAPSULATION_KEY_BYTES = 2400;

/** Returns `null` if `work` throws, which means that a check of libsodium has failed. */
function orNull<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

async function load() {
  try {
    const { default: sodium } = await import('libsodium-wrappers');
    await sodium.ready;
    return sodium;
  } catch (cause) {
    throw new SwsError(
      'provider-unavailable',
      'install libsodium-wrappers, or sodium-native where there is no browser',
      {
        cause,
      },
    );
  }
}

/**
 * libsodium compiled to WebAssembly (`libsodium-wrappers`), for browsers too.
 * @throws SwsError `provider-unavailable` if it is not installed
 */
export async function loadSodiumWasm(): Promise<CryptoProvider> {
  const sodium = await load();
  // SHA-512; `crypto_hash_sha512` is only in the larger build.
  const sha512 = (bytes: Uint8Array) => sodium.crypto_hash(bytes);
  return {
    name: 'sodium-wasm',
    sha512,
    hkdf: (salt, ikm, info, length) => hkdf(sha512, salt, ikm, info, length),
    x25519PublicKey: (secret) => sodium.crypto_scalarmult_base(secret),
    // libsodium refuses points of low order; other providers return zeros.
    x25519: (secret, publicKey) => orNull(() => sodium.crypto_scalarmult(secret, publicKey)) ?? new Uint8Array(32),
    ed25519PublicKey: (seed) => sodium.crypto_sign_seed_keypair(seed).publicKey,
    ed25519Sign(seed, message) {
      const { privateKey } = sodium.crypto_sign_seed_keypair(seed);
      const signature = sodium.crypto_sign_detached(message, privateKey);
      privateKey.fill(0);
      return signature;
    },
    ed25519Verify: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
    secretboxSeal(key, nonce, plaintext, into) {
      const box = sodium.crypto_secretbox_easy(plaintext, nonce, key);
      if (into === undefined) return box;
      into.set(box);
      return into;
    },
    secretboxOpen(key, nonce, box, into) {
      const plaintext = orNull(() => sodium.crypto_secretbox_open_easy(box, nonce, key));
      if (plaintext === null || into === undefined) return plaintext;
      into.set(plaintext);
      return into;
    },
    kemKeyPair(seed) {
      const { publicKey, privateKey } = sodium.crypto_kem_mlkem768_seed_keypair(seed);
      return { encapsulationKey: publicKey, decapsulationKey: privateKey };
    },
    kemEncapsulate: (encapsulationKey, random) =>
      orNull(() => sodium.crypto_kem_mlkem768_enc_deterministic(encapsulationKey, random)),
    kemDecapsulate(ciphertext, decapsulationKey) {
      if (decapsulationKey.length !== DECAPSULATION_KEY_BYTES) return null;
      // FIPS 203 §7.3: check the key's hash, which libsodium leaves to its caller.
      const hash = sha3_256(decapsulationKey.subarray(EK_AT, EK_HASH_AT));
      if (!equalBytes(hash, decapsulationKey.subarray(EK_HASH_AT, EK_HASH_AT + hash.length))) return null;
      return orNull(() => sodium.crypto_kem_mlkem768_dec(ciphertext, decapsulationKey));
    },
  };
}
