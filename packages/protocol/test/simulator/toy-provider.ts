import { hash as digest } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type CryptoProvider, equalBytes } from '@sws/crypto';

// A CryptoProvider for simulated runs, some ten times as fast as a real one. It has the algebra that the protocol needs
// (X25519 commutes, the address is the image of the signing key, boxes and signatures notice any change) and no
// security: the simulated relay does not try to compute with keys.

const P = 2n ** 255n - 19n;
const TAG_BYTES = 16;
const KEM_BYTES = { encapsulationKey: 1184, decapsulationKey: 2400, ciphertext: 1088 } as const;

function hash(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(digest('sha512', Buffer.concat([Buffer.from(label), ...parts]), 'buffer'));
}

/** A number below 2^254, so that it is a canonical field element. */
function fieldElement(label: string, bytes: Uint8Array): Uint8Array {
  const element = hash(label, bytes).subarray(0, 32);
  element[31] = (element[31] ?? 0) & 0x3f;
  return element;
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

/** y = (u - 1) / (u + 1): the inverse of the map that PROTOCOL §1 checks. */
function signingKeyOf(publicKey: Uint8Array): Uint8Array {
  const u = toNumber(publicKey);
  const y = ((u - 1n + P) * power(u + 1n, P - 2n)) % P;
  return new Uint8Array(Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse());
}

const x25519PublicKey = (secret: Uint8Array): Uint8Array => fieldElement('public', secret);

const signingKeys = new Map<string, Uint8Array>();

function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const name = Buffer.from(seed).toString('latin1');
  const known = signingKeys.get(name);
  if (known !== undefined) return known;
  const secret = toy.sha512(seed).subarray(0, 32);
  secret[0] = (secret[0] ?? 0) & 248;
  secret[31] = ((secret[31] ?? 0) & 127) | 64;
  const key = signingKeyOf(x25519PublicKey(secret));
  signingKeys.set(name, key);
  return key;
}

function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const bytes = hash('signature', publicKey, message);
  // R below 2^254 and S below 2^248: the common checks let it pass.
  bytes[31] = (bytes[31] ?? 0) & 0x3f;
  bytes[63] = 0;
  return bytes;
}

/** What a box carries ahead of its plaintext, which it does not hide: any change of it, of the key or of the nonce shows. */
function tagOf(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const start = crc32(nonce, crc32(key));
  const sum = crc32(plaintext, start);
  return new Uint8Array(Uint32Array.of(sum, start, Math.imul(sum ^ start, 0x9e3779b1), plaintext.length).buffer);
}

function expand(label: string, seed: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const start = hash(label, seed);
  for (let at = 0; at < length; at += 64) bytes.set(start.subarray(0, Math.min(64, length - at)), at);
  return bytes;
}

export const toy: CryptoProvider = {
  name: 'toy',
  sha512: (bytes) => hash('', bytes),
  hkdf(salt, ikm, info, length) {
    const bytes = new Uint8Array(length);
    const block = hash('hkdf', Uint8Array.of(salt.length), salt, ikm, info);
    for (let at = 0, part = block; at < length; at += 64, part = hash('more', part))
      bytes.set(part.subarray(0, Math.min(64, length - at)), at);
    return bytes;
  },
  x25519PublicKey,
  x25519(secret, theirs) {
    const own = x25519PublicKey(secret);
    return hash('dh', ...(Buffer.compare(own, theirs) < 0 ? [own, theirs] : [theirs, own])).subarray(0, 32);
  },
  ed25519PublicKey,
  ed25519Sign: (seed, message) => signature(ed25519PublicKey(seed), message),
  ed25519Verify: (publicKey, message, signed) => Buffer.compare(signature(publicKey, message), signed) === 0,
  secretboxSeal(key, nonce, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
    into.set(tagOf(key, nonce, plaintext));
    into.set(plaintext, TAG_BYTES);
    return into;
  },
  secretboxOpen(key, nonce, box) {
    if (box.length < TAG_BYTES) return null;
    const plaintext = box.slice(TAG_BYTES);
    return equalBytes(tagOf(key, nonce, plaintext), box.subarray(0, TAG_BYTES)) ? plaintext : null;
  },
  kemKeyPair(seed) {
    const decapsulationKey = expand('dk', seed, KEM_BYTES.decapsulationKey);
    return {
      encapsulationKey: expand('ek', decapsulationKey.subarray(0, 64), KEM_BYTES.encapsulationKey),
      decapsulationKey,
    };
  },
  kemEncapsulate(encapsulationKey, random) {
    const ciphertext = expand('ct', random, KEM_BYTES.ciphertext);
    return { ciphertext, sharedSecret: hash('shared', encapsulationKey, ciphertext).subarray(0, 32) };
  },
  kemDecapsulate(ciphertext, decapsulationKey) {
    const encapsulationKey = expand('ek', decapsulationKey.subarray(0, 64), KEM_BYTES.encapsulationKey);
    return hash('shared', encapsulationKey, ciphertext).subarray(0, 32);
  },
};
