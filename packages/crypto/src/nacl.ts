import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import nacl from 'tweetnacl';
import { hkdf } from './hkdf.js';
import type { CryptoProvider } from './provider.js';

/** The default provider, pure JavaScript: tweetnacl for NaCl's functions and SHA-512, noble for ML-KEM. Runs everywhere. */
export const naclProvider: CryptoProvider = {
  name: 'nacl',
  sha512: (bytes) => nacl.hash(bytes),
  hkdf: (salt, ikm, info, length) => hkdf(nacl.hash, salt, ikm, info, length),
  x25519PublicKey: (secret) => nacl.scalarMult.base(secret),
  x25519: (secret, publicKey) => nacl.scalarMult(secret, publicKey),
  ed25519PublicKey: (seed) => nacl.sign.keyPair.fromSeed(seed).publicKey,
  ed25519Sign: (seed, message) => nacl.sign.detached(message, nacl.sign.keyPair.fromSeed(seed).secretKey),
  ed25519Verify: (publicKey, message, signature) => nacl.sign.detached.verify(message, signature, publicKey),
  secretboxSeal(key, nonce, plaintext, into) {
    const box = nacl.secretbox(plaintext, nonce, key);
    if (into === undefined) return box;
    into.set(box);
    return into;
  },
  secretboxOpen: (key, nonce, box) => nacl.secretbox.open(box, nonce, key),
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
