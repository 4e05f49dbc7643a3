import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concatBytes,
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
const littleEndian = (value: bigint) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
/** The two u-coordinates of order 8 (https://cr.yp.to/ecdh.html#validate). */
const ORDER_8_U = [
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

describe('published vectors hold in every provider', () => {
  test.each(PROVIDERS)('$name: RFC 7748 §5.2 (X25519)', (provider) => {
    const scalar = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const u = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    expect(encodeHex(provider.x25519(scalar, u))).toBe(
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    );
  });

  test.each(PROVIDERS)('$name: RFC 7748 §5.2, a thousand times over', (provider) => {
    let k: Uint8Array = new Uint8Array(32);
    k[0] = 9;
    let u = k;
    for (let i = 0; i < 1000; i++) [k, u] = [provider.x25519(k, u), k];
    expect(encodeHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  test.each(PROVIDERS)('$name: RFC 7748 §6.1 (Diffie-Hellman)', (provider) => {
    const alice = hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(encodeHex(provider.x25519PublicKey(alice))).toBe(
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    );
    expect(encodeHex(provider.x25519(alice, provider.x25519PublicKey(bob)))).toBe(shared);
    expect(encodeHex(provider.x25519(bob, provider.x25519PublicKey(alice)))).toBe(shared);
  });

  test.each(PROVIDERS)('$name: FIPS 180-4 (SHA-512 of "abc")', (provider) => {
    expect(encodeHex(provider.sha512(Uint8Array.of(0x61, 0x62, 0x63)))).toBe(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
  });

  test.each(PROVIDERS)('$name: NaCl secretbox (tests/secretbox.c)', (provider) => {
    const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
    const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
    const message = hex(
      'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
    );
    const box =
      'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5';
    expect(encodeHex(provider.secretboxSeal(key, nonce, message))).toBe(box);
    const into = new Uint8Array(message.length + 16);
    expect(provider.secretboxSeal(key, nonce, message, into)).toBe(into);
    expect(encodeHex(into)).toBe(box);
    expect(provider.secretboxOpen(key, nonce, into)).toEqual(message);
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

test('providers agree on X25519 inputs of low order, of no canonical form, and with the top bit set', () => {
  const P = 2n ** 255n - 19n;
  const odd = [0n, 1n, ...ORDER_8_U, P - 1n, P, P + 1n, P + 2n, P + 18n].flatMap((u) => [u, u + 2n ** 255n]);
  const secret = new Uint8Array(32).fill(9);
  for (const u of odd) {
    const [first, second] = PROVIDERS.map((provider) => encodeHex(provider.x25519(secret, littleEndian(u))));
    expect(second, `u = ${u}`).toBe(first);
  }
});

test('a box opens only whole, with its key and its nonce; no provider changes what it is given', () => {
  fc.assert(
    fc.property(bytes(32), bytes(24), fc.uint8Array({ maxLength: 200 }), fc.nat(), (key, nonce, message, at) => {
      for (const provider of PROVIDERS) {
        const given = [key.slice(), nonce.slice(), message.slice()];
        const box = provider.secretboxSeal(key, nonce, message);
        expect(provider.secretboxOpen(key, nonce, box)).toEqual(message);
        expect([key, nonce, message]).toEqual(given);
        const altered = box.slice();
        altered[at % altered.length] = (altered[at % altered.length] ?? 0) ^ (1 << (at % 8));
        expect(provider.secretboxOpen(key, nonce, altered)).toBeNull();
        expect(provider.secretboxOpen(key, nonce, box.subarray(0, at % box.length))).toBeNull();
        const otherNonce = nonce.slice();
        otherNonce[23] = (otherNonce[23] ?? 0) ^ 1;
        expect(provider.secretboxOpen(key, otherNonce, box)).toBeNull();
      }
    }),
    { numRuns: 50 },
  );
});

describe('what libraries disagree about is refused before they are asked', () => {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
  const message = new Uint8Array([1, 2, 3]);
  const signature = identity.sign('test', message);
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
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

  test.each(PROVIDERS)('$name: every encoding of a small-order point, and every y of no canonical form', (provider) => {
    const P = 2n ** 255n - 19n;
    const order8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
    const ys = [0n, 1n, P - 1n, order8, P - order8, ...Array.from({ length: 19 }, (_, i) => P + BigInt(i))];
    for (const encoding of ys.flatMap((y) => [littleEndian(y), littleEndian(y + 2n ** 255n)])) {
      // S = 0: under a small-order key this passes where a library checks only S B = R + h A.
      const forged = concatBytes(encoding, new Uint8Array(32));
      expect(verifySignature(provider, encoding, message, forged)).toBe(false);
      const asR = signature.slice();
      asR.set(encoding);
      expect(verify(provider, identity.signingKey, 'test', message, asR)).toBe(false);
      expect(matchesSigningKey(identity.publicKeyBytes(), encoding)).toBe(false);
    }
  });

  describe('signatures that hold in the equation S B = R + h A all the same', () => {
    const P = 2n ** 255n - 19n;
    const number = (le: Uint8Array) => le.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    /** The secret scalar of a seed (RFC 8032 §5.1.5). */
    const scalar = (seed: Uint8Array) => {
      const half = naclProvider.sha512(seed).slice(0, 32);
      half[0] = (half[0] ?? 0) & 248;
      half[31] = ((half[31] ?? 0) & 127) | 64;
      return number(half);
    };
    const seed = new Uint8Array(32).fill(7);
    const key = naclProvider.ed25519PublicKey(seed);

    test('R is the neutral point: S = h a', () => {
      const R = littleEndian(1n);
      const h = number(naclProvider.sha512(concatBytes(R, key, message)));
      const crafted = concatBytes(R, littleEndian((h * scalar(seed)) % L));
      expect(naclProvider.ed25519Verify(key, message, crafted)).toBe(true);
      for (const provider of PROVIDERS) expect(verifySignature(provider, key, message, crafted)).toBe(false);
    });

    test.each([
      ['the neutral point', 1n],
      ['the neutral point, not canonical', P + 1n],
    ])('the key is %s: anyone signs, with S = r', (_, y) => {
      const crafted = concatBytes(key, littleEndian(scalar(seed) % L));
      expect(naclProvider.ed25519Verify(littleEndian(y), message, crafted)).toBe(true);
      for (const provider of PROVIDERS)
        expect(verifySignature(provider, littleEndian(y), message, crafted)).toBe(false);
    });
  });

  test.each(PROVIDERS)('$name: arbitrary keys and signatures are false, never a throw', (provider) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 70 }),
        bytes(32),
        bytes(64),
        (a, b, c, d) => {
          expect(verifySignature(provider, a, message, b)).toBe(false);
          d[63] = 0; // S below L
          expect(verifySignature(provider, c, message, d)).toBe(false);
        },
      ),
    );
  });

  test('low-order and non-canonical addresses', () => {
    const P = 2n ** 255n - 19n;
    for (const u of [0n, 1n, P - 1n, ...ORDER_8_U]) {
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

test('ML-KEM: one coefficient of q, and a decapsulation key whose hash is not its own, fail the input checks', () => {
  const { encapsulationKey, decapsulationKey } = naclProvider.kemKeyPair(new Uint8Array(64).fill(3));
  const unreduced = encapsulationKey.slice(); // its first 12-bit coefficient becomes q = 3329 = 0xd01
  unreduced[0] = 0x01;
  unreduced[1] = ((unreduced[1] ?? 0) & 0xf0) | 0x0d;
  expect(naclProvider.kemEncapsulate(unreduced, new Uint8Array(32))).toBeNull();
  unreduced[0] = 0x00; // 3328 is reduced
  expect(naclProvider.kemEncapsulate(unreduced, new Uint8Array(32))).not.toBeNull();
  expect(naclProvider.kemEncapsulate(encapsulationKey.subarray(1), new Uint8Array(32))).toBeNull();
  const wrongHash = decapsulationKey.slice();
  wrongHash[2400 - 64] = (wrongHash[2400 - 64] ?? 0) ^ 1;
  expect(naclProvider.kemDecapsulate(new Uint8Array(1088), wrongHash)).toBeNull();
  expect(naclProvider.kemDecapsulate(new Uint8Array(1087), decapsulationKey)).toBeNull();
  // A wrong ciphertext is no failed check: it gives a secret that nobody else has (FIPS 203 §6.3).
  expect(naclProvider.kemDecapsulate(new Uint8Array(1088), decapsulationKey)).toHaveLength(32);
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
