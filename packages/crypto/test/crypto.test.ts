import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeHex,
  encodeHex,
  fingerprint,
  Identity,
  isUsablePublicKey,
  matchesSigningKey,
  memoryStore,
  naclProvider,
  parseAddress,
  verify,
  verifySignature,
} from '../src/index.js';
import { randomBytes } from '../src/platform/index.js';
import { nodeProvider } from '../src/platform/node.js';

const hex = (text: string): Uint8Array => decodeHex(text) ?? new Uint8Array(0);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const PROVIDERS = [naclProvider, nodeProvider];

describe('published vectors hold in every provider', () => {
  test.each(PROVIDERS)('$name: RFC 7748 §5.2 (X25519)', (provider) => {
    const scalar = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const u = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    expect(encodeHex(provider.x25519(scalar, u))).toBe(
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    );
  });

  test.each(PROVIDERS)('$name: RFC 8032 §7.1 test 2 (Ed25519)', (provider) => {
    const seed = hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
    const key = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    const signature =
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';
    expect(encodeHex(provider.ed25519PublicKey(seed))).toBe(key);
    expect(encodeHex(provider.ed25519Sign(seed, Uint8Array.of(0x72)))).toBe(signature);
    expect(verifySignature(provider, hex(key), Uint8Array.of(0x72), hex(signature))).toBe(true);
    expect(verifySignature(provider, hex(key), Uint8Array.of(0x73), hex(signature))).toBe(false);
  });
});

test('providers agree on random input', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), fc.uint8Array({ maxLength: 300 }), (a, b, message) => {
      const results = PROVIDERS.map((provider) => {
        const shared = provider.x25519(a, provider.x25519PublicKey(b));
        const key = provider.hkdf(message, shared, b, 77);
        const signature = provider.ed25519Sign(a, message);
        const box = provider.secretboxSeal(b, new Uint8Array(24), message);
        return [
          shared,
          key,
          signature,
          box,
          provider.sha512(message),
          provider.secretboxOpen(b, new Uint8Array(24), box),
        ].map((value) => encodeHex(value ?? new Uint8Array(1)));
      });
      expect(results[1]).toEqual(results[0]);
    }),
    { numRuns: 25 },
  );
});

describe('what libraries disagree about is refused before they are asked', () => {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
  const message = new Uint8Array([1, 2, 3]);
  const signature = identity.sign('test', message);
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const littleEndian = (value: bigint) =>
    Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

  test.each(PROVIDERS)('$name: S + L', (provider) => {
    let s = 0n;
    for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(signature[i] ?? 0);
    const malleable = signature.slice();
    malleable.set(littleEndian(s + L), 32);
    expect(verify(provider, identity.signingKey, 'test', message, signature)).toBe(true);
    expect(verify(provider, identity.signingKey, 'test', message, malleable)).toBe(false);
    expect(verify(provider, identity.signingKey, 'other', message, signature)).toBe(false);
  });

  test.each(PROVIDERS)('$name: small-order keys and R, under which anyone can sign', (provider) => {
    const identityPoint = littleEndian(1n);
    const forged = new Uint8Array(64);
    forged.set(identityPoint);
    expect(verifySignature(provider, identityPoint, message, forged)).toBe(false);
    expect(verifySignature(provider, hex(identity.signingKey), message, forged)).toBe(false);
    expect(verifySignature(provider, littleEndian(2n ** 255n - 19n + 1n), message, forged)).toBe(false);
  });

  test('low-order and non-canonical addresses', () => {
    const P = 2n ** 255n - 19n;
    const order8 = 325606250916557431795983626356110631294008115727848805560023387167927233504n;
    for (const u of [0n, 1n, P - 1n, order8]) {
      expect(isUsablePublicKey(littleEndian(u))).toBe(false);
      expect(() => parseAddress(encodeHex(littleEndian(u)))).toThrow(
        expect.objectContaining({ code: 'low-order-key' }),
      );
      expect(naclProvider.x25519(new Uint8Array(32).fill(9), littleEndian(u)).every((byte) => byte === 0)).toBe(true);
      expect(nodeProvider.x25519(new Uint8Array(32).fill(9), littleEndian(u)).every((byte) => byte === 0)).toBe(true);
    }
    for (const text of [
      '',
      '00',
      encodeHex(littleEndian(P)),
      encodeHex(littleEndian(P + 9n)),
      `${'0'.repeat(62)}80`,
      identity.publicKey.toUpperCase(),
      `${identity.publicKey}00`,
    ]) {
      expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'invalid-address' }));
    }
    expect(encodeHex(parseAddress(identity.publicKey))).toBe(identity.publicKey);
  });
});

test('the signing key maps to the address, for every seed', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), (seed, other) => {
      const a = Identity.fromSeed(seed, nodeProvider);
      const b = Identity.fromSeed(other, nodeProvider);
      expect(matchesSigningKey(a.publicKeyBytes(), a.signingKeyBytes())).toBe(true);
      expect(matchesSigningKey(a.publicKeyBytes(), b.signingKeyBytes())).toBe(a.publicKey === b.publicKey);
      expect(a.dh(b.publicKeyBytes())).toEqual(b.dh(a.publicKeyBytes()));
    }),
    { numRuns: 50 },
  );
});

test('ML-KEM: both ends agree; keys that fail FIPS 203 input checks give null', () => {
  const { encapsulationKey, decapsulationKey } = naclProvider.kemKeyPair(randomBytes(64));
  const sealed = naclProvider.kemEncapsulate(encapsulationKey, randomBytes(32));
  expect(sealed).not.toBeNull();
  if (sealed !== null)
    expect(naclProvider.kemDecapsulate(sealed.ciphertext, decapsulationKey)).toEqual(sealed.sharedSecret);
  expect(naclProvider.kemEncapsulate(new Uint8Array(1184).fill(255), randomBytes(32))).toBeNull();
  expect(naclProvider.kemDecapsulate(new Uint8Array(1088), new Uint8Array(2400).fill(255))).toBeNull();
});

test('nothing prints a secret', () => {
  const seed = randomBytes(32);
  const identity = Identity.fromSeed(seed);
  const printed = [
    inspect(identity, { depth: 9, showHidden: true }),
    JSON.stringify(identity),
    String(identity),
    `${identity}`,
  ].join();
  expect(printed).toContain(identity.publicKey);
  expect(printed).not.toContain(encodeHex(seed));
  expect(printed).not.toContain(seed.join(', '));
});

test('a fingerprint is the same at both ends, and another for another pair', () => {
  const [a, b, c] = [Identity.generate(randomBytes), Identity.generate(randomBytes), Identity.generate(randomBytes)];
  expect(fingerprint(a.publicKey, b.publicKey)).toBe(fingerprint(b.publicKey, a.publicKey));
  expect(fingerprint(a.publicKey, b.publicKey)).not.toBe(fingerprint(a.publicKey, c.publicKey));
  expect(fingerprint(a.publicKey, b.publicKey)).toMatch(/^(\d{5} ){7}\d{5}$/);
});

test('two that race for a first identity get the same', async () => {
  const store = memoryStore();
  const [a, b] = await Promise.all([
    store.loadOrCreate(() => randomBytes(32)),
    store.loadOrCreate(() => randomBytes(32)),
  ]);
  expect(a).toEqual(b);
});
