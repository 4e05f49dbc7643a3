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
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const KEM_SEED_BYTES = 64;
/** Longer texts leave copies in libsodium's memory. No frame is as long. */
const MAX_TEXT_BYTES = 131_072;
/** A text, its box, key and nonce. ML-KEM needs less. */
const ROOM_BYTES = 2 * MAX_TEXT_BYTES + TAG_BYTES + KEY_BYTES + NONCE_BYTES;

/** A function of libsodium. Returns 0 if it succeeds. */
type Primitive = (...addressesAndLengths: number[]) => number;

/** libsodium's own functions, and the memory that they work on. */
interface Lowlevel {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  readonly _crypto_scalarmult: Primitive;
  readonly _crypto_scalarmult_base: Primitive;
  readonly _crypto_secretbox_easy: Primitive;
  readonly _crypto_secretbox_open_easy: Primitive;
  readonly _crypto_kem_mlkem768_seed_keypair: Primitive;
  readonly _crypto_kem_mlkem768_enc_deterministic: Primitive;
  readonly _crypto_kem_mlkem768_dec: Primitive;
}

/** @throws RangeError for bytes of another length, of which libsodium would read too few or too many */
function exactly(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`input must have ${length} bytes, got ${bytes.length}`);
  return bytes;
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
  const take = (at: number, length: number) => lowlevel.HEAPU8.slice(at, at + length);
  /**
   * Runs `work`, which reserves bytes in libsodium's memory, or puts a copy of bytes there. Overwrites all of them at the
   * end, where `libsodium-wrappers` would leave them.
   */
  function inRoom<T>(work: (put: (bytes: number | Uint8Array) => number) => T): T {
    let end = room;
    const put = (bytes: number | Uint8Array): number => {
      const at = end;
      end += typeof bytes === 'number' ? bytes : bytes.length;
      if (typeof bytes !== 'number') lowlevel.HEAPU8.set(bytes, at);
      return at;
    };
    try {
      return work(put);
    } finally {
      lowlevel.HEAPU8.fill(0, room, end);
    }
  }
  // SHA-512; `crypto_hash_sha512` is only in the larger build.
  const sha512 = (bytes: Uint8Array) => sodium.crypto_hash(bytes);
  return {
    name: 'sodium-wasm',
    sha512,
    hkdf: (salt, ikm, info, length) => hkdf(sha512, salt, ikm, info, length),
    x25519PublicKey: (secret) =>
      inRoom((put) => {
        const publicAt = put(KEY_BYTES);
        lowlevel._crypto_scalarmult_base(publicAt, put(exactly(KEY_BYTES, secret)));
        return take(publicAt, KEY_BYTES);
      }),
    x25519: (secret, publicKey) =>
      inRoom((put) => {
        const sharedAt = put(KEY_BYTES);
        const [secretAt, publicAt] = [put(exactly(KEY_BYTES, secret)), put(exactly(KEY_BYTES, publicKey))];
        // libsodium refuses points of low order; other providers return zeros.
        const isUsable = lowlevel._crypto_scalarmult(sharedAt, secretAt, publicAt) === 0;
        return isUsable ? take(sharedAt, KEY_BYTES) : new Uint8Array(KEY_BYTES);
      }),
    ed25519PublicKey: (seed) => sodium.crypto_sign_seed_keypair(seed).publicKey,
    ed25519Sign(seed, message) {
      const { privateKey } = sodium.crypto_sign_seed_keypair(seed);
      const signature = sodium.crypto_sign_detached(message, privateKey);
      privateKey.fill(0);
      return signature;
    },
    ed25519Verify: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
    secretboxSeal(key, nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
      const { length } = plaintext;
      if (length > MAX_TEXT_BYTES) into.set(sodium.crypto_secretbox_easy(plaintext, nonce, key));
      else
        inRoom((put) => {
          const [boxAt, textAt] = [put(length + TAG_BYTES), put(plaintext)];
          const [nonceAt, keyAt] = [put(exactly(NONCE_BYTES, nonce)), put(exactly(KEY_BYTES, key))];
          lowlevel._crypto_secretbox_easy(boxAt, textAt, length, 0, nonceAt, keyAt);
          into.set(lowlevel.HEAPU8.subarray(boxAt, boxAt + length + TAG_BYTES));
        });
      return into;
    },
    secretboxOpen(key, nonce, box, into) {
      const length = box.length - TAG_BYTES;
      if (length < 0) return null;
      if (length > MAX_TEXT_BYTES) {
        const plaintext = orNull(() => sodium.crypto_secretbox_open_easy(box, nonce, key));
        if (plaintext === null || into === undefined) return plaintext;
        into.set(plaintext);
        return into;
      }
      return inRoom((put) => {
        const [textAt, boxAt] = [put(length), put(box)];
        const [nonceAt, keyAt] = [put(exactly(NONCE_BYTES, nonce)), put(exactly(KEY_BYTES, key))];
        if (lowlevel._crypto_secretbox_open_easy(textAt, boxAt, box.length, 0, nonceAt, keyAt) !== 0) return null;
        if (into === undefined) return take(textAt, length);
        into.set(lowlevel.HEAPU8.subarray(textAt, textAt + length));
        return into;
      });
    },
    kemKeyPair: (seed) =>
      inRoom((put) => {
        const [publicAt, secretAt] = [put(ENCAPSULATION_KEY_BYTES), put(DECAPSULATION_KEY_BYTES)];
        lowlevel._crypto_kem_mlkem768_seed_keypair(publicAt, secretAt, put(exactly(KEM_SEED_BYTES, seed)));
        return {
          encapsulationKey: take(publicAt, ENCAPSULATION_KEY_BYTES),
          decapsulationKey: take(secretAt, DECAPSULATION_KEY_BYTES),
        };
      }),
    kemEncapsulate(encapsulationKey, random) {
      if (encapsulationKey.length !== ENCAPSULATION_KEY_BYTES) return null;
      return inRoom((put) => {
        const [sentAt, sharedAt] = [put(CIPHERTEXT_BYTES), put(KEY_BYTES)];
        const [keyAt, randomAt] = [put(encapsulationKey), put(exactly(KEY_BYTES, random))];
        if (lowlevel._crypto_kem_mlkem768_enc_deterministic(sentAt, sharedAt, keyAt, randomAt) !== 0) return null;
        return { ciphertext: take(sentAt, CIPHERTEXT_BYTES), sharedSecret: take(sharedAt, KEY_BYTES) };
      });
    },
    kemDecapsulate(ciphertext, decapsulationKey) {
      if (decapsulationKey.length !== DECAPSULATION_KEY_BYTES || ciphertext.length !== CIPHERTEXT_BYTES) return null;
      // FIPS 203 §7.3: check the key's hash, which libsodium leaves to its caller.
      const hash = sha3_256(decapsulationKey.subarray(EK_AT, EK_HASH_AT));
      if (!equalBytes(hash, decapsulationKey.subarray(EK_HASH_AT, EK_HASH_AT + hash.length))) return null;
      return inRoom((put) => {
        const sharedAt = put(KEY_BYTES);
        const isOpen = lowlevel._crypto_kem_mlkem768_dec(sharedAt, put(ciphertext), put(decapsulationKey)) === 0;
        return isOpen ? take(sharedAt, KEY_BYTES) : null;
      });
    },
  };
}
