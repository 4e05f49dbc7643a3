import { Identity, matchesSigningKey, readAddress, verifySignature } from '@sws/crypto';
import { expect, test } from 'vitest';
import { seeded } from './seeded.js';
import { toy } from './toy-provider.js';

test('the toy provider has the algebra that the protocol needs', () => {
  const { bytes } = seeded(1);
  const [a, b] = [Identity.generate(bytes, toy), Identity.generate(bytes, toy)];
  expect(a.dh(b.publicKeyBytes())).toEqual(b.dh(a.publicKeyBytes()));
  expect(readAddress(a.publicKey)).toEqual(a.publicKeyBytes());
  expect(matchesSigningKey(a.publicKeyBytes(), a.signingKeyBytes())).toBe(true);
  const signed = a.sign('test', Uint8Array.of(1, 2, 3));
  const message = Uint8Array.of(
    ...new TextEncoder().encode('sws/1 app\0'),
    0,
    4,
    ...new TextEncoder().encode('test'),
    1,
    2,
    3,
  );
  expect(verifySignature(toy, a.signingKeyBytes(), message, signed)).toBe(true);
  expect(verifySignature(toy, b.signingKeyBytes(), message, signed)).toBe(false);
  const { encapsulationKey, decapsulationKey } = toy.kemKeyPair(bytes(64));
  const { ciphertext, sharedSecret } = toy.kemEncapsulate(encapsulationKey, bytes(32)) ?? {
    ciphertext: new Uint8Array(0),
  };
  expect(toy.kemDecapsulate(ciphertext, decapsulationKey)).toEqual(sharedSecret);
});

test('the toy box detects a flipped bit, another key and another nonce', () => {
  const { bytes } = seeded(2);
  const [key, nonce, plaintext] = [bytes(32), bytes(24), bytes(90)];
  const box = toy.secretboxSeal(key, nonce, plaintext);
  expect(toy.secretboxOpen(key, nonce, box)).toEqual(plaintext);
  for (const [what, length] of [
    ['box', box.length],
    ['key', 32],
    ['nonce', 24],
  ] as const)
    for (let bit = 0; bit < 8 * length; bit++) {
      const changed = { box: box.slice(), key: key.slice(), nonce: nonce.slice() };
      changed[what][bit >> 3] = (changed[what][bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(toy.secretboxOpen(changed.key, changed.nonce, changed.box)).toBeNull();
    }
});
