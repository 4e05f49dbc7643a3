import {
  encodeHex,
  fingerprint,
  Identity,
  matchesSigningKey,
  parseAddress,
  readAddress,
  verify,
  verifySignature,
} from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { identityVectors } from '../../scripts/make-vectors/identities.js';
import type { primitiveVectors } from '../../scripts/make-vectors/primitives.js';
import type { signatureVectors } from '../../scripts/make-vectors/signatures.js';
import { PROVIDERS } from './providers.js';
import { readVectors, unhex } from './read-vectors.js';

const identities = readVectors<ReturnType<typeof identityVectors>>('identities.json');
const signatures = readVectors<ReturnType<typeof signatureVectors>>('signatures.json');
const primitives = readVectors<ReturnType<typeof primitiveVectors>>('primitives.json');

describe.each(PROVIDERS)('$name agrees with the vectors of', (provider) => {
  test.each(identities.valid)('identities: $publicKey', ({ seed, secret, publicKey, signingKey }) => {
    const identity = Identity.fromSeed(unhex(seed), provider);
    expect([identity.publicKey, identity.signingKey]).toEqual([publicKey, signingKey]);
    expect(encodeHex(provider.x25519PublicKey(unhex(secret)))).toBe(publicKey);
    expect(readAddress(publicKey)).not.toBeNull();
    expect(matchesSigningKey(identity.publicKeyBytes(), identity.signingKeyBytes())).toBe(true);
  });

  test.each(identities.shared)('identities: a shared secret', ({ a, b, shared }) => {
    const [one, other] = [Identity.fromSeed(unhex(a), provider), Identity.fromSeed(unhex(b), provider)];
    expect(encodeHex(one.dh(other.publicKeyBytes()))).toBe(shared);
    expect(encodeHex(other.dh(one.publicKeyBytes()))).toBe(shared);
  });

  test.each(signatures.application)('signatures of applications, context "$context"', (vector) => {
    const identity = Identity.fromSeed(unhex(vector.seed), provider);
    const bytes = unhex(vector.bytes);
    expect(encodeHex(identity.sign(vector.context, bytes))).toBe(vector.signature);
    expect(encodeHex(provider.ed25519Sign(unhex(vector.seed), unhex(vector.message)))).toBe(vector.signature);
    expect(verify(provider, identity.signingKey, vector.context, bytes, unhex(vector.signature))).toBe(true);
    expect(verify(provider, identity.signingKey, `${vector.context}x`, bytes, unhex(vector.signature))).toBe(false);
  });

  test.each(signatures.verify)('signatures: $name', ({ signingKey, message, signature, valid }) => {
    expect(verifySignature(provider, unhex(signingKey), unhex(message), unhex(signature))).toBe(valid);
  });

  test.each(primitives.x25519)('X25519: $name', ({ secret, publicKey, shared }) => {
    expect(encodeHex(provider.x25519(unhex(secret), unhex(publicKey)))).toBe(shared);
  });

  test.each(primitives.hkdf)('HKDF-SHA-512, $length bytes', ({ salt, ikm, info, length, okm }) => {
    const [s, i, n] = [salt, ikm, info].map((part) => unhex(String(part))) as [Uint8Array, Uint8Array, Uint8Array];
    expect(encodeHex(provider.hkdf(s, i, n, Number(length)))).toBe(okm);
  });

  test.each(primitives.secretbox.seal)('secretbox: $plaintext', ({ key, nonce, plaintext, box }) => {
    expect(encodeHex(provider.secretboxSeal(unhex(key), unhex(nonce), unhex(plaintext)))).toBe(box);
    expect(encodeHex(provider.secretboxOpen(unhex(key), unhex(nonce), unhex(box)) ?? Uint8Array.of(0))).toBe(plaintext);
  });

  test.each(primitives.secretbox.invalid)('secretbox that must not open: $name', ({ key, nonce, box }) => {
    expect(provider.secretboxOpen(unhex(key), unhex(nonce), unhex(box))).toBeNull();
  });

  test('ML-KEM-768', () => {
    const { kem } = primitives;
    const pair = provider.kemKeyPair(unhex(kem.seed));
    expect(encodeHex(pair.encapsulationKey)).toBe(kem.encapsulationKey);
    const opened = (ciphertext: string) =>
      encodeHex(provider.kemDecapsulate(unhex(ciphertext), pair.decapsulationKey) ?? new Uint8Array(0));
    expect(opened(kem.ciphertext)).toBe(kem.sharedSecret);
    expect(opened(kem.alteredCiphertext)).toBe(kem.alteredSecret);
    expect(kem.alteredSecret).not.toBe(kem.sharedSecret);
    expect(provider.kemEncapsulate(unhex(kem.refusedEncapsulationKey), new Uint8Array(32))).toBeNull();
  });
});

test.each(identities.invalid)('an address that must not parse: $name', ({ address, failure }) => {
  expect(readAddress(address)).toBeNull();
  expect(() => parseAddress(address)).toThrow(expect.objectContaining({ code: failure }));
});

test.each(identities.signingKeys)('whether a signing key belongs to an address: $name', (vector) => {
  expect(matchesSigningKey(unhex(vector.publicKey), unhex(vector.signingKey))).toBe(vector.belongs);
});

test.each(identities.fingerprints)(
  'the fingerprint of $addresses',
  ({ addresses: [a = '', b = ''], fingerprint: digits }) => {
    expect(fingerprint(a, b)).toBe(digits);
  },
);
