import { equalBytes } from './bytes.js';
import { encodeHex } from './hex.js';
import { naclProvider } from './nacl.js';
import type { CryptoProvider, RandomBytes } from './provider.js';
import { applicationMessage, labelBytes } from './signature.js';
import { SwsError } from './sws-error.js';

/** The length of a seed, which is the only secret to store and back up. */
export const SEED_BYTES = 32;

/**
 * What SWS needs of an identity. Functions take this shape rather than the class `Identity`, because two versions of
 * this package in one application have different class types. Every version's `Identity` has this shape.
 */
export interface IdentityLike {
  /** The address: the X25519 public key as 64 lowercase hex digits. */
  readonly publicKey: string;
  /** The Ed25519 public key as 64 lowercase hex digits. */
  readonly signingKey: string;
  /** The address as 32 bytes, which the caller owns. */
  publicKeyBytes(): Uint8Array;
  /** X25519 with another public key: 32 bytes, all zero for a point of low order. */
  dh(publicKey: Uint8Array): Uint8Array;
  /** Signs a protocol message that begins with its label: 64 bytes. @throws SwsError `invalid-label` */
  signLabelled(label: 'register' | 'registered', message: Uint8Array): Uint8Array;
  /** A copy of the 32-byte seed, the secret itself. The caller owns it and should overwrite it. */
  exportSeed(): Uint8Array;
}

/**
 * One 32-byte seed and its two related key pairs (PROTOCOL §1): X25519, whose public key is the address, and Ed25519.
 * However you print an identity, only public keys are shown.
 */
export class Identity implements IdentityLike {
  /** The address: the X25519 public key as 64 lowercase hex digits. */
  readonly publicKey: string;
  /** The Ed25519 public key as 64 lowercase hex digits. */
  readonly signingKey: string;
  readonly #provider: CryptoProvider;
  readonly #seed: Uint8Array;
  readonly #secret: Uint8Array;
  readonly #publicKey: Uint8Array;
  readonly #signingKey: Uint8Array;

  private constructor(seed: Uint8Array, provider: CryptoProvider) {
    this.#provider = provider;
    this.#seed = seed.slice();
    const hash = provider.sha512(seed);
    // The clamped first half of SHA-512(seed) is Ed25519's own scalar (RFC 8032 §5.1.5): both public keys are one
    // point.
    this.#secret = hash.slice(0, 32);
    hash.fill(0);
    this.#secret[0] = (this.#secret[0] ?? 0) & 248;
    this.#secret[31] = ((this.#secret[31] ?? 0) & 127) | 64;
    this.#publicKey = provider.x25519PublicKey(this.#secret);
    this.#signingKey = provider.ed25519PublicKey(this.#seed);
    this.publicKey = encodeHex(this.#publicKey);
    this.signingKey = encodeHex(this.#signingKey);
  }

  /** The identity of a seed, which is copied. @throws SwsError `invalid-length` unless it has 32 bytes */
  static fromSeed(seed: Uint8Array, provider: CryptoProvider = naclProvider): Identity {
    if (seed.length !== SEED_BYTES)
      throw new SwsError('invalid-length', `seed must have ${SEED_BYTES} bytes, got ${seed.length}`);
    return new Identity(seed, provider);
  }

  /** A new identity. `randomBytes` is that of `@sws/crypto/platform`, or your platform's own. */
  static generate(randomBytes: RandomBytes, provider: CryptoProvider = naclProvider): Identity {
    const seed = randomBytes(SEED_BYTES);
    const identity = Identity.fromSeed(seed, provider);
    seed.fill(0);
    return identity;
  }

  /** The address as 32 bytes, a copy. */
  publicKeyBytes(): Uint8Array {
    return this.#publicKey.slice();
  }

  /** The signing key as 32 bytes, a copy. */
  signingKeyBytes(): Uint8Array {
    return this.#signingKey.slice();
  }

  /** X25519 with another public key (32 bytes): 32 bytes, all zero for a point of low order. */
  dh(publicKey: Uint8Array): Uint8Array {
    return this.#provider.x25519(this.#secret, publicKey);
  }

  /** Signs for an application: Ed25519 over `"sws/1 app\0" || u16(len(context)) || context || bytes`: 64 bytes. */
  sign(context: string, bytes: Uint8Array): Uint8Array {
    return this.#provider.ed25519Sign(this.#seed, applicationMessage(context, bytes));
  }

  /** Signs a protocol message that begins with its label. For `@sws/protocol`. @throws SwsError `invalid-label` */
  signLabelled(label: 'register' | 'registered', message: Uint8Array): Uint8Array {
    const prefix = labelBytes(label);
    if (!equalBytes(message.subarray(0, prefix.length), prefix)) {
      throw new SwsError('invalid-label', `message must begin with the label ${label}`);
    }
    return this.#provider.ed25519Sign(this.#seed, message);
  }

  /**
   * A 32-byte key for data that an application seals for itself: HKDF-SHA-512 (RFC 5869) of the seed without salt, info
   * `"sws/1 storage\0" || context || 0`. One seed and context give the same key on every device.
   * @throws SwsError `invalid-length` for a context over 1,000 bytes
   */
  storageKey(context: string): Uint8Array {
    const info = labelBytes(`storage\0${context}`);
    // OpenSSL takes at most 1,024 bytes of info, and the label has 15.
    if (info.length - 15 > 1_000) throw new SwsError('invalid-length', 'context must have at most 1,000 bytes');
    return this.#provider.hkdf(new Uint8Array(0), this.#seed, info, SEED_BYTES);
  }

  /** A copy of the seed: the secret itself, for storage and backup. */
  exportSeed(): Uint8Array {
    return this.#seed.slice();
  }

  /** The address only, which is safe to log. */
  toString(): string {
    return `Identity(${this.publicKey})`;
  }

  /** The public keys only: `JSON.stringify` never writes the seed. */
  toJSON(): Pick<IdentityLike, 'publicKey' | 'signingKey'> {
    return { publicKey: this.publicKey, signingKey: this.signingKey };
  }
}
