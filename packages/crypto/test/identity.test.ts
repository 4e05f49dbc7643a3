import { createHash, hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isUsablePublicKey } from '../src/address.js';
import {
  decodeHex,
  encodeHex,
  fingerprint,
  Identity,
  matchesSigningKey,
  memoryStore,
  naclProvider,
  parseAddress,
  readAddress,
  verify,
  verifySignature,
} from '../src/index.js';
import { randomBytes } from '../src/platform/index.js';
import { nodeProvider } from '../src/platform/node.js';
import { bytes, hex, littleEndian, ORDER_8_U, P } from './numbers.js';

const identity = Identity.fromSeed(new Uint8Array(32).fill(7));

test('keys and signatures of wrong length are refused before a provider sees them', () => {
  const message = new TextEncoder().encode('sws/1 register\0 and more');
  const signature = identity.signLabelled('register', message);
  const [key, address] = [decodeHex(identity.signingKey), parseAddress(identity.publicKey)];
  if (key === null) throw new Error('no key');
  const asked: Uint8Array[][] = [];
  const trusting = {
    ...naclProvider,
    ed25519Verify: (...given: [Uint8Array, Uint8Array, Uint8Array]) => {
      asked.push(given);
      return true;
    },
  };
  /** The same number, little-endian. */
  const longer = (bytes: Uint8Array) => Uint8Array.of(...bytes, ...new Uint8Array(8));
  expect(verifySignature(trusting, key, message, signature)).toBe(true);
  for (const other of [key.subarray(0, 31), longer(key)]) {
    expect(verifySignature(trusting, other, message, signature)).toBe(false);
    expect(matchesSigningKey(address, other)).toBe(false);
  }
  for (const other of [signature.subarray(0, 63), longer(signature)])
    expect(verifySignature(trusting, key, message, other)).toBe(false);
  expect(asked).toHaveLength(1);
  expect([isUsablePublicKey(address), matchesSigningKey(address, key)]).toEqual([true, true]);
  for (const other of [address.subarray(0, 31), longer(address), new Uint8Array(0)]) {
    expect(isUsablePublicKey(other)).toBe(false);
    expect(matchesSigningKey(other, key)).toBe(false);
  }
});

test('refuses low-order and non-canonical addresses', () => {
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

test('readAddress accepts what parseAddress accepts, and returns null otherwise', () => {
  expect(readAddress(identity.publicKey)).toEqual(parseAddress(identity.publicKey));
  const low = ORDER_8_U.map((u) => encodeHex(littleEndian(u)));
  const wrong = [
    '',
    '00',
    `${identity.publicKey}00`,
    identity.publicKey.toUpperCase(),
    encodeHex(littleEndian(P)),
    ...low,
  ];
  for (const text of wrong) expect(readAddress(text)).toBeNull();
});

test('a small-order signing key maps to no address', () => {
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

test('application signatures cannot be registrations', () => {
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

test.each([0, 1, 255, 256, 65_535])(
  'sign covers the label, the length %i of the context, the context and the bytes',
  (length) => {
    const context = 'c'.repeat(length);
    const bytes = Uint8Array.of(1, 2, 3);
    const text = Buffer.concat([
      Buffer.from('sws/1 app\0'),
      Buffer.from([length >> 8, length % 256]),
      Buffer.from(context),
      bytes,
    ]);
    expect(verifySignature(naclProvider, identity.signingKeyBytes(), text, identity.sign(context, bytes))).toBe(true);
  },
);

test('a context over 65,535 bytes is refused', () => {
  const refused = expect.objectContaining({ code: 'invalid-length' });
  expect(() => identity.sign('c'.repeat(65_536), Uint8Array.of(1))).toThrow(refused);
  expect(() => identity.sign('é'.repeat(32_768), Uint8Array.of(1))).toThrow(refused);
});

test('hex has one spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (value) => {
      expect(decodeHex(encodeHex(value))).toEqual(value);
    }),
  );
  for (const text of ['0', 'AB', '0x', ' 0', 'g0', '٠٠']) expect(decodeHex(text)).toBeNull();
});

test('printing an identity shows no secret', () => {
  const seed = randomBytes(32);
  const identity = Identity.fromSeed(seed);
  const printed = [
    inspect(identity, { depth: 9, showHidden: true }),
    JSON.stringify(identity),
    String(identity),
    `${identity}`,
  ];
  for (const text of printed) {
    expect(text).toContain(identity.publicKey);
    expect(text).not.toContain(encodeHex(seed));
    expect(text).not.toContain(seed.join(', '));
  }
});

test('both peers compute the same fingerprint, and other pairs another', () => {
  const [a, b, c] = [Identity.generate(randomBytes), Identity.generate(randomBytes), Identity.generate(randomBytes)];
  expect(fingerprint(a.publicKey, b.publicKey)).toBe(fingerprint(b.publicKey, a.publicKey));
  expect(fingerprint(a.publicKey, b.publicKey)).not.toBe(fingerprint(a.publicKey, c.publicKey));
  expect(fingerprint(a.publicKey, b.publicKey)).toMatch(/^(\d{5} ){7}\d{5}$/);
});

test('a fingerprint is eight words of SHA-512 over its label and both addresses in order, modulo 100,000', () => {
  const [a, b] = [identity.publicKey, Identity.fromSeed(new Uint8Array(32).fill(8)).publicKey];
  const [first, second] = [a, b].sort();
  const hash = createHash('sha512').update(`sws/1 fingerprint\0`).update(`${first}${second}`, 'hex').digest();
  const groups = Array.from({ length: 8 }, (_, i) => String(hash.readBigUInt64BE(8 * i) % 100_000n).padStart(5, '0'));
  expect(fingerprint(a, b)).toBe(groups.join(' '));
});

test('two racing first uses get the same identity', async () => {
  const store = memoryStore();
  const [a, b] = await Promise.all([
    store.loadOrCreate(() => randomBytes(32)),
    store.loadOrCreate(() => randomBytes(32)),
  ]);
  expect(a).toEqual(b);
});

test('a storage key is the same on every device, and differs by context, seed and purpose', () => {
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
