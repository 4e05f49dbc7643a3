import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import nacl from 'tweetnacl';
import { hkdf } from './hkdf.js';
import type { CryptoProvider } from './provider.js';

/**
 * NaCl's own functions, which tweetnacl has beside its typed ones. They write into given arrays, with 32 zero bytes
 * before a plaintext and 16 before a box. With them a frame costs one copy and only one new array.
 */
interface LowLevel {
  crypto_secretbox(box: Uint8Array, plaintext: Uint8Array, length: number, nonce: Uint8Array, key: Uint8Array): number;
  crypto_secretbox_open(
    plaintext: Uint8Array,
    box: Uint8Array,
    length: number,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}
const { lowlevel } = nacl as typeof nacl & { readonly lowlevel: LowLevel };
const PLAINTEXT_AT = 32;
const BOX_AT = 16;
const TAG_BYTES = PLAINTEXT_AT - BOX_AT;
/** The size of a channel's largest frame. Longer texts get new arrays. */
const SCRATCH_BYTES = 2 ** 16 + PLAINTEXT_AT;
let scratch: readonly [plain: Uint8Array, boxed: Uint8Array] | null = null;

/** Two arrays with room for `length` bytes, the first 32 zero. Calls do not nest, so one pair is enough. */
function roomFor(length: number): readonly [plain: Uint8Array, boxed: Uint8Array] {
  if (length > SCRATCH_BYTES) return [new Uint8Array(length), new Uint8Array(length)];
  scratch ??= [new Uint8Array(SCRATCH_BYTES), new Uint8Array(SCRATCH_BYTES)];
  return scratch;
}

/**
 * The default provider, pure JavaScript: tweetnacl for NaCl's functions and SHA-512, noble for ML-KEM. Runs
 * everywhere.
 */
export const naclProvider: CryptoProvider = {
  name: 'nacl',
  sha512: (bytes) => nacl.hash(bytes),
  hkdf: (salt, ikm, info, length) => hkdf(nacl.hash, salt, ikm, info, length),
  x25519PublicKey: (secret) => nacl.scalarMult.base(secret),
  x25519: (secret, publicKey) => nacl.scalarMult(secret, publicKey),
  ed25519PublicKey: (seed) => nacl.sign.keyPair.fromSeed(seed).publicKey,
  ed25519Sign: (seed, message) => nacl.sign.detached(message, nacl.sign.keyPair.fromSeed(seed).secretKey),
  ed25519Verify: (publicKey, message, signature) => nacl.sign.detached.verify(message, signature, publicKey),
  secretboxSeal(key, nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
    const length = PLAINTEXT_AT + plaintext.length;
    const [plain, boxed] = roomFor(length);
    plain.set(plaintext, PLAINTEXT_AT);
    lowlevel.crypto_secretbox(boxed, plain, length, nonce, key);
    plain.fill(0, PLAINTEXT_AT, length);
    into.set(boxed.subarray(BOX_AT, length));
    return into;
  },
  secretboxOpen(key, nonce, box, into) {
    if (box.length < TAG_BYTES) return null;
    const length = BOX_AT + box.length;
    const [plain, boxed] = roomFor(length);
    boxed.set(box, BOX_AT);
    if (lowlevel.crypto_secretbox_open(plain, boxed, length, nonce, key) !== 0) return null;
    const plaintext = into ?? new Uint8Array(length - PLAINTEXT_AT);
    plaintext.set(plain.subarray(PLAINTEXT_AT, length));
    plain.fill(0, PLAINTEXT_AT, length);
    return plaintext;
  },
  kemKeyPair(seed) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return { encapsulationKey: publicKey, decapsulationKey: secretKey };
  },
  kemEncapsulate(encapsulationKey, random) {
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(encapsulationKey, random);
      return { ciphertext: cipherText, sharedSecret };
    } catch {
      return null; // FIPS 203 §7.2: the input check refused the key
    }
  },
  kemDecapsulate(ciphertext, decapsulationKey) {
    try {
      return ml_kem768.decapsulate(ciphertext, decapsulationKey);
    } catch {
      return null; // FIPS 203 §7.3
    }
  },
};
