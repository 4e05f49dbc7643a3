import { sha3_256 } from '@noble/hashes/sha3.js';
import { equalBytes } from '../bytes.js';
import { hkdf } from '../hkdf.js';
import type { CryptoProvider } from '../provider.js';
import { SwsError } from '../sws-error.js';

/** The offsets of the encapsulation key and its hash in a decapsulation key of ML-KEM-768 (FIPS 203 §7.1). */
const EK_AT = 1152;
const EK_HASH_AT = 2336;
const DECAPSULATION_KEY_BYTES = 2400;
const ENCAPSULATION_KEY_BYTES = 1184;
const CIPHERTEXT_BYTES = 1088;
const KEY_BYTES = 32;
const KEM_SEED_BYTES = 64;
/** As much as the function with the longest inputs and outputs needs, which makes a key pair. */
const ROOM_BYTES = DECAPSULATION_KEY_BYTES + ENCAPSULATION_KEY_BYTES + KEM_SEED_BYTES;

/** A function of libsodium: addresses of outputs, then of inputs. Returns 0 if it succeeds. */
type Primitive = (...addresses: number[]) => number;

/** libsodium's own functions, and the memory that they work on. */
interface Lowlevel {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  readonly _crypto_scalarmult: Primitive;
  readonly _crypto_scalarmult_base: Primitive;
  readonly _crypto_kem_mlkem768_seed_keypair: Primitive;
  readonly _crypto_kem_mlkem768_enc_deterministic: Primitive;
  readonly _crypto_kem_mlkem768_dec: Primitive;
}

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
  const lowlevel = (sodium as unknown as { readonly libsodium: Lowlevel }).libsodium;
  const room = lowlevel._malloc(ROOM_BYTES);
  /**
   * Calls a function with copies of `inputs`. Returns its outputs, or `null` if it fails. `lengths` are those of outputs
   * and inputs. Overwrites all of them in libsodium's memory, where `libsodium-wrappers` would leave them.
   * @throws RangeError for an input of another length
   */
  const call = (primitive: Primitive, lengths: readonly number[], ...inputs: readonly Uint8Array[]) => {
    let end = room;
    const addresses = lengths.map((length) => {
      end += length;
      return end - length;
    });
    const outputs = lengths.length - inputs.length;
    try {
      for (const [index, input] of inputs.entries()) {
        const length = lengths[outputs + index];
        if (input.length !== length) throw new RangeError(`input must have ${length} bytes, got ${input.length}`);
        lowlevel.HEAPU8.set(input, addresses[outputs + index]);
      }
      if (primitive(...addresses) !== 0) return null;
      return addresses.slice(0, outputs).map((at, index) => lowlevel.HEAPU8.slice(at, at + (lengths[index] ?? 0)));
    } finally {
      lowlevel.HEAPU8.fill(0, room, end);
    }
  };
  // SHA-512; `crypto_hash_sha512` is only in the larger build.
  const sha512 = (bytes: Uint8Array) => sodium.crypto_hash(bytes);
  return {
    name: 'sodium-wasm',
    sha512,
    hkdf: (salt, ikm, info, length) => hkdf(sha512, salt, ikm, info, length),
    x25519PublicKey(secret) {
      const [publicKey] = call(lowlevel._crypto_scalarmult_base, [KEY_BYTES, KEY_BYTES], secret) ?? [];
      return publicKey ?? new Uint8Array(KEY_BYTES);
    },
    x25519(secret, publicKey) {
      const lengths = [KEY_BYTES, KEY_BYTES, KEY_BYTES];
      const [shared] = call(lowlevel._crypto_scalarmult, lengths, secret, publicKey) ?? [];
      // libsodium refuses points of low order; other providers return zeros.
      return shared ?? new Uint8Array(KEY_BYTES);
    },
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
      const lengths = [ENCAPSULATION_KEY_BYTES, DECAPSULATION_KEY_BYTES, KEM_SEED_BYTES];
      const [encapsulationKey, decapsulationKey] =
        call(lowlevel._crypto_kem_mlkem768_seed_keypair, lengths, seed) ?? [];
      if (encapsulationKey === undefined || decapsulationKey === undefined) throw new Error('libsodium has failed');
      return { encapsulationKey, decapsulationKey };
    },
    kemEncapsulate(encapsulationKey, random) {
      if (encapsulationKey.length !== ENCAPSULATION_KEY_BYTES) return null;
      const lengths = [CIPHERTEXT_BYTES, KEY_BYTES, ENCAPSULATION_KEY_BYTES, KEY_BYTES];
      const [ciphertext, sharedSecret] =
        call(lowlevel._crypto_kem_mlkem768_enc_deterministic, lengths, encapsulationKey, random) ?? [];
      return ciphertext === undefined || sharedSecret === undefined ? null : { ciphertext, sharedSecret };
    },
    kemDecapsulate(ciphertext, decapsulationKey) {
      if (decapsulationKey.length !== DECAPSULATION_KEY_BYTES || ciphertext.length !== CIPHERTEXT_BYTES) return null;
      // FIPS 203 §7.3: check the key's hash, which libsodium leaves to its caller.
      const hash = sha3_256(decapsulationKey.subarray(EK_AT, EK_HASH_AT));
      if (!equalBytes(hash, decapsulationKey.subarray(EK_HASH_AT, EK_HASH_AT + hash.length))) return null;
      const lengths = [KEY_BYTES, CIPHERTEXT_BYTES, DECAPSULATION_KEY_BYTES];
      return call(lowlevel._crypto_kem_mlkem768_dec, lengths, ciphertext, decapsulationKey)?.[0] ?? null;
    },
  };
}
