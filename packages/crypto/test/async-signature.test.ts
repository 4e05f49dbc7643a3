// Signatures by Web Crypto: the bytes and the verdicts of the providers.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { concatBytes, naclProvider, verifySignature } from '../src/index.js';
import { signAsync, verifySignatureAsync } from '../src/platform/index.js';
import { bytes, hex, L, littleEndian, P } from './numbers.js';

const EDGE_CASES: readonly { message: string; pub_key: string; signature: string }[] = JSON.parse(
  readFileSync(new URL('vectors/ed25519-edge-cases.json', import.meta.url), 'utf8'),
).cases;
const seed = new Uint8Array(32).fill(7);
const key = naclProvider.ed25519PublicKey(seed);
const message = Uint8Array.of(1, 2, 3);
const signature = naclProvider.ed25519Sign(seed, message);

afterEach(() => void vi.unstubAllGlobals());

const refusing = { importKey: () => Promise.reject(new DOMException('no Ed25519', 'NotSupportedError')) };
describe.each([
  ['Web Crypto', globalThis.crypto],
  ['a Web Crypto without Ed25519', { subtle: refusing }],
  ['no Web Crypto', {}],
])('with %s', (_, crypto) => {
  test('signs and verifies like the synchronous functions', async () => {
    vi.stubGlobal('crypto', crypto);
    await fc.assert(
      fc.asyncProperty(
        bytes(32),
        fc.uint8Array({ maxLength: 300 }),
        fc.nat({ max: 511 }),
        async (seed, message, bit) => {
          const key = naclProvider.ed25519PublicKey(seed);
          const signature = await signAsync(seed, message);
          expect(signature).toEqual(naclProvider.ed25519Sign(seed, message));
          expect(await verifySignatureAsync(key, message, signature)).toBe(true);
          signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(await verifySignatureAsync(key, message, signature)).toBe(false);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('agrees with verifySignature on the edge cases of Taming the many EdDSAs', async () => {
    vi.stubGlobal('crypto', crypto);
    for (const { message, pub_key, signature } of EDGE_CASES) {
      const given = [hex(pub_key), hex(message), hex(signature)] as const;
      expect(await verifySignatureAsync(...given)).toBe(verifySignature(naclProvider, ...given));
    }
  });

  test('refuses S + L, small order, non-canonical y and wrong lengths', async () => {
    vi.stubGlobal('crypto', crypto);
    const s = signature.subarray(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    const malleable = concatBytes(signature.subarray(0, 32), littleEndian(s + L));
    expect(await verifySignatureAsync(key, message, malleable)).toBe(false);
    for (const y of [0n, 1n, P - 1n, P, P + 1n, P + 18n]) {
      const forged = concatBytes(littleEndian(y), new Uint8Array(32));
      expect(await verifySignatureAsync(littleEndian(y), message, forged)).toBe(false);
      expect(await verifySignatureAsync(key, message, forged)).toBe(false);
    }
    expect(await verifySignatureAsync(key.subarray(1), message, signature)).toBe(false);
    expect(await verifySignatureAsync(key, message, signature.subarray(1))).toBe(false);
  });
});

test('calls Web Crypto only for valid input', async () => {
  const importKey = vi.spyOn(globalThis.crypto.subtle, 'importKey');
  await verifySignatureAsync(littleEndian(1n), message, signature);
  expect(importKey).not.toHaveBeenCalled();
  expect(await verifySignatureAsync(key, message, signature)).toBe(true);
  expect(importKey).toHaveBeenCalledTimes(1);
  importKey.mockRestore();
});

test('tweetnacl is not used where Web Crypto has Ed25519', async () => {
  const slow = [vi.spyOn(naclProvider, 'ed25519Sign'), vi.spyOn(naclProvider, 'ed25519Verify')];
  expect(await verifySignatureAsync(key, message, await signAsync(seed, message))).toBe(true);
  for (const spy of slow) expect(spy).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test('copies its arguments at the call, and does not change them', async () => {
  const [mine, text] = [seed.slice(), message.slice()];
  const signing = signAsync(mine, text);
  expect([mine, text]).toEqual([seed, message]);
  mine.fill(0);
  text.fill(0);
  expect(await signing).toEqual(signature);
  const proof = signature.slice();
  const verifying = verifySignatureAsync(key, message, proof);
  proof.fill(0);
  expect(await verifying).toBe(true);
});
