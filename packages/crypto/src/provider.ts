/** Fills and returns a new array of `length` random bytes from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array;

/** A key pair of ML-KEM-768. */
export interface KemKeyPair {
  /** 1,184 bytes, public. */
  readonly encapsulationKey: Uint8Array;
  /** 2,400 bytes, secret. */
  readonly decapsulationKey: Uint8Array;
}

/** The result of one encapsulation. */
export interface KemEncapsulation {
  /** 1,088 bytes, for the holder of the decapsulation key. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes, secret. */
  readonly sharedSecret: Uint8Array;
}

/**
 * The primitives of SWS. They are stateless: the same arguments give the same bytes in every provider.
 *
 * Callers own every array they pass. A provider neither keeps nor changes it, and returns new arrays.
 * Arrays must have the lengths given here; providers do not check them. Common code outside the providers checks the
 * edge cases on which libraries disagree (small order, non-canonical encodings): `verifySignature`, `parseAddress`.
 */
export interface CryptoProvider {
  /** For logs and benches: `nacl`, `node`, `sodium-native`, `sodium-wasm`, `wasm`. */
  readonly name: string;
  /** SHA-512 (FIPS 180-4): 64 bytes. */
  sha512(bytes: Uint8Array): Uint8Array;
  /** HKDF-SHA-512 (RFC 5869), extract then expand: `length` bytes, at most 16,320. */
  hkdf(salt: Uint8Array, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** The X25519 public key (32 bytes) of a 32-byte secret (RFC 7748 §5; the function clamps). */
  x25519PublicKey(secret: Uint8Array): Uint8Array;
  /** X25519 (RFC 7748 §5): 32 bytes, all zero for a low-order `publicKey`. Never throws on 32-byte input. */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array;
  /** The Ed25519 public key (32 bytes) of a 32-byte seed (RFC 8032 §5.1.5). */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** Ed25519 (RFC 8032 §5.1.6): 64 bytes. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Ed25519 (RFC 8032 §5.1.7). Call `verifySignature` instead: providers differ on malformed keys and signatures. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * NaCl secretbox (XSalsa20-Poly1305): tag (16 bytes) || ciphertext.
   * @param key 32 bytes. @param nonce 24 bytes, never used twice with one key.
   * @param into where to write: exactly `plaintext.length + 16` bytes, not overlapping `plaintext`; a new array
   *   if absent.
   */
  secretboxSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, into?: Uint8Array): Uint8Array;
  /**
   * The plaintext, or `null` if the box does not open.
   * @param into where to write: exactly `box.length - 16` bytes, not overlapping `box`, and then what is returned; a
   *   new array that the caller owns if absent.
   */
  secretboxOpen(key: Uint8Array, nonce: Uint8Array, box: Uint8Array, into?: Uint8Array): Uint8Array | null;
  /** ML-KEM-768 key generation (FIPS 203 §7.1) from 64 random bytes (d || z): ek 1,184 bytes, dk 2,400 bytes. */
  kemKeyPair(seed: Uint8Array): KemKeyPair;
  /**
   * ML-KEM-768 encapsulation (FIPS 203 §7.2): ciphertext 1,088 bytes, shared secret 32 bytes;
   * `null` if the encapsulation key fails the standard's input check.
   */
  kemEncapsulate(encapsulationKey: Uint8Array, random: Uint8Array): KemEncapsulation | null;
  /**
   * ML-KEM-768 decapsulation (FIPS 203 §7.3): 32 bytes (an implicit-rejection value for a wrong ciphertext), or `null`
   * on a failed input check.
   */
  kemDecapsulate(ciphertext: Uint8Array, decapsulationKey: Uint8Array): Uint8Array | null;
}
