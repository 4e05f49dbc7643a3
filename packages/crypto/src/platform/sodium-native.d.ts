/** The part of `sodium-native` 5 that we use. It has no types of its own. Outputs come first, and lengths are exact. */
declare module 'sodium-native' {
  interface SodiumNative {
    crypto_hash_sha512(out: Uint8Array, input: Uint8Array): void;
    crypto_scalarmult_base(publicKey: Uint8Array, secret: Uint8Array): void;
    /** Throws for a point of low order. */
    crypto_scalarmult(shared: Uint8Array, secret: Uint8Array, publicKey: Uint8Array): void;
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    crypto_secretbox_easy(box: Uint8Array, message: Uint8Array, nonce: Uint8Array, key: Uint8Array): void;
    crypto_secretbox_open_easy(message: Uint8Array, box: Uint8Array, nonce: Uint8Array, key: Uint8Array): boolean;
  }
  const sodium: SodiumNative;
  export default sodium;
}
