// Two ends with different providers must understand each other, whatever anyone sends them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeHex, Identity, naclProvider, verify, verifySignature } from '../src/index.js';
import { nodeProvider } from '../src/platform/node.js';
import { sodiumProvider } from '../src/platform/sodium.js';
import { sodiumProvider as browserSodium } from '../src/platform/sodium-browser.js';
import { bytes, hex, L, littleEndian, ORDER_8_U, P } from './numbers.js';
import { PROVIDERS, sodiumNative } from './provider-table.js';

test.skipIf(sodiumNative === null)('sodium-native is tested (skipped where it has no build for this machine)', () => {
  expect(PROVIDERS.map(({ name }) => name)).toEqual(['nacl', 'node', 'sodium-wasm', 'wasm', 'sodium-native']);
});

test('sodiumProvider is native if it can be, and WebAssembly in browsers', async () => {
  expect((await sodiumProvider()).name).toBe(sodiumNative === null ? 'sodium-wasm' : 'sodium-native');
  expect((await browserSodium()).name).toBe('sodium-wasm');
});

/** What every provider makes of something must be one thing. */
function agree(what: string, make: (provider: (typeof PROVIDERS)[number]) => unknown): void {
  const [first, ...others] = PROVIDERS.map((provider) => make(provider));
  for (const [i, other] of others.entries()) expect(other, `${what} (${PROVIDERS[i + 1]?.name})`).toEqual(first);
}

test('providers agree on random input, byte for byte', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      bytes(32),
      bytes(32),
      bytes(24),
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 400 }),
      (a, b, nonce, message, length) => {
        agree('sha512', (provider) => provider.sha512(message));
        agree('hkdf', (provider) => provider.hkdf(a, message, b, length));
        agree('x25519PublicKey', (provider) => provider.x25519PublicKey(a));
        agree('x25519', (provider) => provider.x25519(a, b));
        agree('ed25519PublicKey', (provider) => provider.ed25519PublicKey(a));
        const box = naclProvider.secretboxSeal(a, nonce, message);
        agree('secretboxSeal', (provider) => provider.secretboxSeal(a, nonce, message));
        agree('secretboxOpen', (provider) => provider.secretboxOpen(a, nonce, box));
        const signature = naclProvider.ed25519Sign(a, message);
        agree('ed25519Sign', (provider) => provider.ed25519Sign(a, message));
        const key = naclProvider.ed25519PublicKey(a);
        for (const provider of PROVIDERS) expect(verifySignature(provider, key, message, signature)).toBe(true);
        const altered = signature.slice();
        altered[length % 64] = (altered[length % 64] ?? 0) ^ (1 << (length % 8));
        for (const provider of PROVIDERS) expect(verifySignature(provider, key, message, altered)).toBe(false);
      },
    ),
    { numRuns: 25 },
  );
});

test('providers agree on ML-KEM: keys, ciphertexts, secrets, and results of wrong ciphertexts', () => {
  fc.assert(
    fc.property(bytes(64), bytes(32), fc.nat({ max: 1087 }), (seed, random, at) => {
      const { encapsulationKey, decapsulationKey } = naclProvider.kemKeyPair(seed);
      agree('kemKeyPair', (provider) => {
        const { encapsulationKey, decapsulationKey } = provider.kemKeyPair(seed);
        return [encapsulationKey, decapsulationKey];
      });
      agree('kemEncapsulate', (provider) => {
        const { ciphertext, sharedSecret } = provider.kemEncapsulate(encapsulationKey, random) ?? {};
        return [ciphertext, sharedSecret];
      });
      const ciphertext = naclProvider.kemEncapsulate(encapsulationKey, random)?.ciphertext ?? new Uint8Array(0);
      agree('kemDecapsulate', (provider) => provider.kemDecapsulate(ciphertext, decapsulationKey));
      ciphertext[at] = (ciphertext[at] ?? 0) ^ 1;
      agree('kemDecapsulate, rejecting', (provider) => provider.kemDecapsulate(ciphertext, decapsulationKey));
    }),
    { numRuns: 15 },
  );
});

test('providers agree on X25519 inputs of low order, non-canonical form, and with the top bit set', () => {
  const odd = [0n, 1n, ...ORDER_8_U, ...Array.from({ length: 21 }, (_, i) => P - 1n + BigInt(i))];
  const secrets = [new Uint8Array(32).fill(9), new Uint8Array(32), new Uint8Array(32).fill(255)];
  for (const u of odd.flatMap((u) => [u, u + 2n ** 255n]).filter((u) => u < 2n ** 256n))
    for (const secret of secrets) agree(`u = ${u}`, (provider) => provider.x25519(secret, littleEndian(u)));
});

describe.each(PROVIDERS)('$name', (provider) => {
  test('a low-order point gives zeros and does not throw', () => {
    for (const u of [0n, 1n, P - 1n, P, P + 1n, ...ORDER_8_U])
      expect(provider.x25519(new Uint8Array(32).fill(9), littleEndian(u))).toEqual(new Uint8Array(32));
  });

  test('a box opens only unchanged, with its key and nonce; arguments stay unchanged, results are new', () => {
    fc.assert(
      fc.property(bytes(32), bytes(24), fc.uint8Array({ maxLength: 200 }), fc.nat(), (key, nonce, message, at) => {
        const given = [key.slice(), nonce.slice(), message.slice()];
        const box = provider.secretboxSeal(key, nonce, message);
        const kept = box.slice();
        const opened = provider.secretboxOpen(key, nonce, box);
        expect(opened).toEqual(message);
        expect([key, nonce, message]).toEqual(given);
        opened?.fill(0);
        expect(box).toEqual(kept);
        const altered = box.slice();
        altered[at % altered.length] = (altered[at % altered.length] ?? 0) ^ (1 << (at % 8));
        expect(provider.secretboxOpen(key, nonce, altered)).toBeNull();
        expect(provider.secretboxOpen(key, nonce, box.subarray(0, at % box.length))).toBeNull();
        const otherNonce = nonce.slice();
        otherNonce[23] = (otherNonce[23] ?? 0) ^ 1;
        expect(provider.secretboxOpen(key, otherNonce, box)).toBeNull();
      }),
      { numRuns: 50 },
    );
  });

  test('a box longer than any frame opens, and shorter ones after it too', () => {
    const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2)];
    for (const length of [0, 200_000, 65_536, 1]) {
      const message = new Uint8Array(length).fill(length);
      const box = provider.secretboxSeal(key, nonce, message);
      expect(Buffer.compare(box, naclProvider.secretboxSeal(key, nonce, message))).toBe(0);
      expect(Buffer.compare(provider.secretboxOpen(key, nonce, box) ?? Uint8Array.of(0), message)).toBe(0);
    }
  });

  test('views into larger arrays are accepted', () => {
    const view = (bytes: Uint8Array) => {
      const larger = new Uint8Array(bytes.length + 14).fill(0xaa);
      larger.set(bytes, 7);
      return larger.subarray(7, 7 + bytes.length);
    };
    const [a, b, nonce, message] = [
      new Uint8Array(32).fill(3),
      provider.x25519PublicKey(new Uint8Array(32).fill(4)),
      new Uint8Array(24).fill(5),
      Uint8Array.of(1, 2, 3),
    ];
    expect(provider.sha512(view(message))).toEqual(provider.sha512(message));
    expect(provider.x25519(view(a), view(b))).toEqual(provider.x25519(a, b));
    expect(provider.hkdf(view(a), view(b), view(message), 40)).toEqual(provider.hkdf(a, b, message, 40));
    const box = provider.secretboxSeal(view(a), view(nonce), view(message));
    expect(provider.secretboxOpen(view(a), view(nonce), view(box))).toEqual(message);
    const [sealedInto, openedInto] = [view(new Uint8Array(box.length)), view(new Uint8Array(message.length))];
    expect(provider.secretboxSeal(view(a), view(nonce), view(message), sealedInto)).toBe(sealedInto);
    expect(sealedInto).toEqual(box);
    expect(provider.secretboxOpen(view(a), view(nonce), view(box), openedInto)).toBe(openedInto);
    expect(openedInto).toEqual(message);
    for (const array of [sealedInto, openedInto])
      expect(new Uint8Array(array.buffer).filter((byte) => byte === 0xaa).length).toBeGreaterThanOrEqual(14);
    const signature = provider.ed25519Sign(view(a), view(message));
    expect(provider.ed25519Verify(view(provider.ed25519PublicKey(a)), view(message), view(signature))).toBe(true);
  });

  test('ML-KEM refuses what FIPS 203 §7.2 and §7.3 refuse: a coefficient of q, wrong lengths, a wrong hash in the key', () => {
    const { encapsulationKey, decapsulationKey } = provider.kemKeyPair(new Uint8Array(64).fill(3));
    const unreduced = encapsulationKey.slice(); // its first 12-bit coefficient becomes q = 3329 = 0xd01
    unreduced[0] = 0x01;
    unreduced[1] = ((unreduced[1] ?? 0) & 0xf0) | 0x0d;
    expect(provider.kemEncapsulate(unreduced, new Uint8Array(32))).toBeNull();
    unreduced[0] = 0x00; // 3328 is reduced
    expect(provider.kemEncapsulate(unreduced, new Uint8Array(32))).not.toBeNull();
    expect(provider.kemEncapsulate(new Uint8Array(1184).fill(255), new Uint8Array(32))).toBeNull();
    expect(provider.kemEncapsulate(encapsulationKey.subarray(1), new Uint8Array(32))).toBeNull();
    expect(provider.kemDecapsulate(new Uint8Array(1088), new Uint8Array(2400).fill(255))).toBeNull();
    for (const at of [1152, 2400 - 64]) {
      const wrongHash = decapsulationKey.slice();
      wrongHash[at] = (wrongHash[at] ?? 0) ^ 1;
      expect(provider.kemDecapsulate(new Uint8Array(1088), wrongHash)).toBeNull();
    }
    expect(provider.kemDecapsulate(new Uint8Array(1087), decapsulationKey)).toBeNull();
    expect(provider.kemDecapsulate(new Uint8Array(1088), decapsulationKey.subarray(1))).toBeNull();
    // A wrong ciphertext is no failed check: it gives a secret that nobody else has (FIPS 203 §6.3).
    expect(provider.kemDecapsulate(new Uint8Array(1088), decapsulationKey)).toHaveLength(32);
  });
});

describe('input on which libraries disagree is refused before they are called', () => {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
  const message = new Uint8Array([1, 2, 3]);
  const signature = identity.sign('test', message);

  test('libraries do disagree: tweetnacl accepts what libsodium refuses', async () => {
    const neutral = littleEndian(1n);
    const forged = concatBytes(neutral, new Uint8Array(32));
    expect(naclProvider.ed25519Verify(neutral, message, forged)).toBe(true);
    expect((await browserSodium()).ed25519Verify(neutral, message, forged)).toBe(false);
  });

  test.each(PROVIDERS)('$name: S + L', (provider) => {
    let s = 0n;
    for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(signature[i] ?? 0);
    const malleable = signature.slice();
    malleable.set(littleEndian(s + L), 32);
    expect(verify(provider, identity.signingKey, 'test', message, signature)).toBe(true);
    expect(verify(provider, identity.signingKey, 'test', message, malleable)).toBe(false);
    expect(verify(provider, identity.signingKey, 'other', message, signature)).toBe(false);
  });

  test.each(PROVIDERS)('$name: every encoding of a small-order point, and every non-canonical y', (provider) => {
    const order8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
    const ys = [0n, 1n, P - 1n, order8, P - order8, ...Array.from({ length: 19 }, (_, i) => P + BigInt(i))];
    for (const encoding of ys.flatMap((y) => [littleEndian(y), littleEndian(y + 2n ** 255n)])) {
      // S = 0: under a small-order key this passes where a library checks only S B = R + h A.
      const forged = concatBytes(encoding, new Uint8Array(32));
      expect(verifySignature(provider, encoding, message, forged)).toBe(false);
      expect(verifySignature(provider, hex(identity.signingKey), message, forged)).toBe(false);
      const asR = signature.slice();
      asR.set(encoding);
      expect(verify(provider, identity.signingKey, 'test', message, asR)).toBe(false);
    }
  });

  describe('signatures that satisfy S B = R + h A although invalid', () => {
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
    ])('the key is %s: anyone can sign, with S = r', (_, y) => {
      const crafted = concatBytes(key, littleEndian(scalar(seed) % L));
      expect(naclProvider.ed25519Verify(littleEndian(y), message, crafted)).toBe(true);
      for (const provider of PROVIDERS)
        expect(verifySignature(provider, littleEndian(y), message, crafted)).toBe(false);
    });
  });

  test.each(PROVIDERS)('$name: arbitrary keys and signatures give false and do not throw', (provider) => {
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
});

test('an identity is the same in every provider', () => {
  fc.assert(
    fc.property(bytes(32), (seed) => {
      agree('identity', (provider) => {
        const identity = Identity.fromSeed(seed, provider);
        return [identity.publicKey, identity.signingKey, encodeHex(identity.sign('test', seed))];
      });
    }),
    { numRuns: 20 },
  );
});

test('a key that OpenSSL rejects verifies nothing, and does not throw', () => {
  const message = Uint8Array.of(1, 2, 3);
  const signature = nodeProvider.ed25519Sign(new Uint8Array(32).fill(1), message);
  for (const key of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)])
    expect(nodeProvider.ed25519Verify(key, message, signature)).toBe(false);
});

test('an array reused for another seed signs as that seed, despite cached keys', () => {
  for (const provider of [naclProvider, nodeProvider]) {
    const seed = new Uint8Array(32).fill(1);
    const message = Uint8Array.of(1, 2, 3);
    const first = provider.ed25519Sign(seed, message);
    seed.fill(2);
    const second = provider.ed25519Sign(seed, message);
    expect(second).toEqual(naclProvider.ed25519Sign(new Uint8Array(32).fill(2), message));
    expect(second).not.toEqual(first);
  }
});
