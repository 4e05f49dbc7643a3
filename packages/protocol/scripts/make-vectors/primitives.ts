import { naclProvider as provider } from '@sws/crypto';
import { flipped, hex, littleEndian, utf8 } from './hex.js';
import { seededRandom } from './seeded-random.js';

/** The primitives as PROTOCOL uses them, with the edges on which libraries differ. */
export function primitiveVectors() {
  const random = seededRandom('primitives');
  const secrets = [random(32), random(32)] as const;
  const publicKeys = secrets.map((secret) => provider.x25519PublicKey(secret));
  const dh = (name: string, secret: Uint8Array, publicKey: Uint8Array) => ({
    name,
    secret: hex(secret),
    publicKey: hex(publicKey),
    shared: hex(provider.x25519(secret, publicKey)),
  });
  const key = random(32);
  const nonce = random(24);
  const box = provider.secretboxSeal(key, nonce, utf8('a box'));
  const kemSeed = random(64);
  const kem = provider.kemKeyPair(kemSeed);
  const encapsulated = provider.kemEncapsulate(kem.encapsulationKey, random(32));
  if (encapsulated === null) throw new Error('a sound key');
  const altered = flipped(encapsulated.ciphertext, 100);
  const badKey = kem.encapsulationKey.slice();
  // The first coefficient as 4,095: FIPS 203 §7.2 wants every one below 3,329.
  badKey[0] = 0xff;
  badKey[1] = (badKey[1] ?? 0) | 0x0f;
  return {
    description:
      'X25519 (all zero: a low-order key, which ends a handshake), HKDF-SHA-512, secretbox (tag || ciphertext; null: does not open), ML-KEM-768 (an altered ciphertext gives another secret; an encapsulation key that fails the input check is refused).',
    x25519: [
      dh('two keys', secrets[0], publicKeys[1] ?? key),
      dh('the same from the other end', secrets[1], publicKeys[0] ?? key),
      dh('u = 0', secrets[0], littleEndian(0n)),
      dh('u = 1', secrets[0], littleEndian(1n)),
      dh('u = p - 1', secrets[0], littleEndian(2n ** 255n - 20n)),
    ],
    hkdf: [
      ['', '', '', 32],
      [hex(random(64)), hex(random(64)), hex(utf8('open')), 32],
      [hex(random(64)), hex(random(160)), hex(utf8('channel')), 160],
      [hex(random(32)), hex(random(96)), hex(utf8('rekey')) + hex(random(64)), 160],
    ].map(([salt, ikm, info, length]) => {
      const part = (text: unknown) => Uint8Array.from(Buffer.from(String(text), 'hex'));
      return {
        salt,
        ikm,
        info,
        length,
        okm: hex(provider.hkdf(part(salt), part(ikm), part(info), Number(length))),
      };
    }),
    secretbox: {
      seal: [0, 1, 31, 32, 33, 63, 64, 65, 255, 1000].map((length) => {
        const plaintext = random(length);
        const own = random(24);
        return {
          key: hex(key),
          nonce: hex(own),
          plaintext: hex(plaintext),
          box: hex(provider.secretboxSeal(key, own, plaintext)),
        };
      }),
      invalid: [
        ['one bit of the tag', key, nonce, flipped(box, 0)],
        ['one bit of the ciphertext', key, nonce, flipped(box, -1)],
        ['another nonce', key, flipped(nonce, 23), box],
        ['another key', flipped(key, 0), nonce, box],
        ['a byte short', key, nonce, box.slice(0, -1)],
        ['a tag alone', key, nonce, box.slice(0, 16)],
        ['less than a tag', key, nonce, box.slice(0, 15)],
        ['nothing', key, nonce, new Uint8Array(0)],
      ].map(([name, k, n, b]) => ({
        name,
        key: hex(k as Uint8Array),
        nonce: hex(n as Uint8Array),
        box: hex(b as Uint8Array),
      })),
    },
    kem: {
      seed: hex(kemSeed),
      encapsulationKey: hex(kem.encapsulationKey),
      ciphertext: hex(encapsulated.ciphertext),
      sharedSecret: hex(encapsulated.sharedSecret),
      alteredCiphertext: hex(altered),
      alteredSecret: hex(provider.kemDecapsulate(altered, kem.decapsulationKey) ?? new Uint8Array(0)),
      refusedEncapsulationKey: hex(badKey),
    },
  };
}
