import { hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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
import { bytes, hex, littleEndian, ORDER_8_U, P } from './numbers.js';

const identity = Identity.fromSeed(new Uint8Array(32).fill(7));

test('low-order and non-canonical addresses', () => {
  for (const u of [0n, 1n, P - 1n, ...ORDER_8_U]) {
    expect(isUsablePublicKey(littleEndian(u))).toBe(false);
    expect(() => parseAddress(encodeHex(littleEndian(u)))).toThrow(expect.objectContaining({ code: 'low-order-key' }));
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

test('a signing key of small order maps to no address', () => {
  for (const y of [0n, 1n, P - 1n, P, P + 1n])
    for (const u of [0n, 1n, P - 1n, y % P]) expect(matchesSigningKey(littleEndian(u), littleEndian(y))).toBe(false);
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

test('an application cannot be made to sign a registration', () => {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
  const registration = new TextEncoder().encode('sws/1 register\0nonce');
  const signature = identity.sign('sws/1 register\0', registration);
  expect(verifySignature(naclProvider, identity.signingKeyBytes(), registration, signature)).toBe(false);
  expect(() => identity.signLabelled('register', new TextEncoder().encode('sws/1 app\0'))).toThrow(
    expect.objectContaining({ code: 'invalid-label' }),
  );
  const labelled = identity.signLabelled('register', registration);
  expect(verifySignature(naclProvider, identity.signingKeyBytes(), registration, labelled)).toBe(true);
  // Where the context ends is signed as well.
  expect(verify(naclProvider, identity.signingKey, 'ab', Uint8Array.of(0x63), identity.sign('a', hex('6263')))).toBe(
    false,
  );
});

test('hex has one spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (value) => {
      expect(decodeHex(encodeHex(value))).toEqual(value);
    }),
  );
  for (const text of ['0', 'AB', '0x', ' 0', 'g0', '٠٠']) expect(decodeHex(text)).toBeNull();
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

test('a storage key is the same on every device, and another for another context, seed or purpose', () => {
  const seed = randomBytes(32);
  const key = Identity.fromSeed(seed, naclProvider).storageKey('history');
  expect(key.length).toBe(32);
  const info = new TextEncoder().encode('sws/1 storage\0history\0');
  expect(encodeHex(key)).toBe(encodeHex(new Uint8Array(hkdfSync('sha512', seed, new Uint8Array(0), info, 32))));
  expect(encodeHex(Identity.fromSeed(seed, nodeProvider).storageKey('history'))).toBe(encodeHex(key));
  expect(encodeHex(Identity.fromSeed(seed).storageKey('histor'))).not.toBe(encodeHex(key));
  expect(encodeHex(Identity.fromSeed(randomBytes(32)).storageKey('history'))).not.toBe(encodeHex(key));
  for (const provider of [naclProvider, nodeProvider]) {
    const identity = Identity.fromSeed(seed, provider);
    expect(identity.storageKey('x'.repeat(1_000)).length).toBe(32);
    expect(() => identity.storageKey('x'.repeat(1_001))).toThrowError(
      expect.objectContaining({ code: 'invalid-length' }),
    );
  }
});
