// A provider that fails one of these speaks to nobody else's implementation.
import { readFileSync } from 'node:fs';
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { sha512 as nobleSha512 } from '@noble/hashes/sha2.js';
import { shake128 } from '@noble/hashes/sha3.js';
import { describe, expect, test } from 'vitest';
import { encodeHex, verifySignature } from '../src/index.js';
import { hex } from './numbers.js';
import { PROVIDERS } from './provider-table.js';

/** RFC 8032 §7.1: seed, public key, message, signature. */
const ED25519 = [
  [
    'test 1',
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    'test 2',
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'test 3',
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    'test SHA(abc)',
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
] as const;

/** The vectors of that paper which hold under the strict rule of `verifySignature`: one, whose key and R have a torsion part without being of small order. */
const HOLDS = 6;
const EDGE_CASES: readonly { message: string; pub_key: string; signature: string }[] = JSON.parse(
  readFileSync(new URL('vectors/ed25519-edge-cases.json', import.meta.url), 'utf8'),
).cases;

describe.each(PROVIDERS)('$name', (provider) => {
  test('RFC 7748 §5.2: X25519', () => {
    for (const [scalar, u, result] of [
      [
        'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
        'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
        'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
      ],
      [
        '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
        'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493', // its top bit is set, and masked
        '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      ],
    ] as const)
      expect(encodeHex(provider.x25519(hex(scalar), hex(u)))).toBe(result);
  });

  test('RFC 7748 §5.2: 1 and 1,000 iterations', () => {
    let k: Uint8Array = new Uint8Array(32);
    k[0] = 9;
    let u = k;
    for (let i = 0; i < 1000; i++) {
      [k, u] = [provider.x25519(k, u), k];
      if (i === 0) expect(encodeHex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
    }
    expect(encodeHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  test('RFC 7748 §6.1: Diffie-Hellman', () => {
    const alice = hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(encodeHex(provider.x25519PublicKey(alice))).toBe(
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    );
    expect(encodeHex(provider.x25519PublicKey(bob))).toBe(
      'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    );
    expect(encodeHex(provider.x25519(alice, provider.x25519PublicKey(bob)))).toBe(shared);
    expect(encodeHex(provider.x25519(bob, provider.x25519PublicKey(alice)))).toBe(shared);
  });

  test.each(ED25519)('RFC 8032 §7.1 %s: Ed25519', (_, seed, key, message, signature) => {
    expect(encodeHex(provider.ed25519PublicKey(hex(seed)))).toBe(key);
    expect(encodeHex(provider.ed25519Sign(hex(seed), hex(message)))).toBe(signature);
    expect(verifySignature(provider, hex(key), hex(message), hex(signature))).toBe(true);
    expect(verifySignature(provider, hex(key), hex(`${message}00`), hex(signature))).toBe(false);
  });

  test('Chalkias, Garillot, Nikolaenko, Taming the many EdDSAs: small order, mixed order, S >= L, non-canonical', () => {
    const verdicts = EDGE_CASES.map(({ message, pub_key, signature }) =>
      verifySignature(provider, hex(pub_key), hex(message), hex(signature)),
    );
    expect(verdicts).toEqual(EDGE_CASES.map((_, i) => i === HOLDS));
  });

  test('FIPS 180-4: SHA-512 of "abc", the empty string, and two blocks', () => {
    const sha512 = (text: string) => encodeHex(provider.sha512(new TextEncoder().encode(text)));
    expect(sha512('abc')).toBe(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
    expect(sha512('')).toBe(
      'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    );
    expect(
      sha512(
        'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
      ),
    ).toBe(
      '8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909',
    );
  });

  test('RFC 5869 with SHA-512, which has no vectors: equals noble’s HKDF, also for salts longer than a block', () => {
    const theirs = (salt: Uint8Array, ikm: Uint8Array) => nobleHkdf(nobleSha512, ikm, salt, new Uint8Array(0), 64);
    const cases: readonly (readonly [salt: Uint8Array, ikm: Uint8Array])[] = [
      [new Uint8Array(20).fill(0x0b), new TextEncoder().encode('Hi There')],
      [new Uint8Array(131).fill(0xaa), new TextEncoder().encode('a key longer than a block')],
      [new Uint8Array(0), new Uint8Array(0)],
      [new Uint8Array(128).fill(1), new Uint8Array(200).fill(2)],
    ];
    for (const [salt, ikm] of cases) expect(provider.hkdf(salt, ikm, new Uint8Array(0), 64)).toEqual(theirs(salt, ikm));
    for (const length of [1, 63, 64, 65, 160, 16_320])
      expect(provider.hkdf(hex('00010203'), hex('0b0b'), hex('f0f1f2'), length)).toEqual(
        nobleHkdf(nobleSha512, hex('0b0b'), hex('00010203'), hex('f0f1f2'), length),
      );
    expect(() => provider.hkdf(hex('00'), hex('00'), hex(''), 16_321)).toThrow(RangeError);
  });

  test('NaCl secretbox (tests/secretbox.c), in place and into a new array', () => {
    const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
    const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
    const message = hex(
      'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
    );
    const box =
      'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5';
    expect(encodeHex(provider.secretboxSeal(key, nonce, message))).toBe(box);
    // Inside a larger frame, as a channel seals.
    const frame = new Uint8Array(message.length + 16 + 25 + 3);
    const into = frame.subarray(25, 25 + message.length + 16);
    expect(provider.secretboxSeal(key, nonce, message, into)).toBe(into);
    expect(encodeHex(frame)).toBe(`${'00'.repeat(25)}${box}000000`);
    expect(provider.secretboxOpen(key, nonce, into)).toEqual(message);
  });

  test('the accumulated ML-KEM-768 vectors (C2SP CCTV, Go crypto/mlkem): 100 key pairs, encapsulations, decapsulations and rejections', () => {
    const input = shake128.create();
    const outputs = shake128.create();
    for (let i = 0; i < 100; i++) {
      const { encapsulationKey, decapsulationKey } = provider.kemKeyPair(input.xof(64));
      const sealed = provider.kemEncapsulate(encapsulationKey, input.xof(32));
      if (sealed === null) throw new Error('the input check refused a good key');
      outputs.update(encapsulationKey).update(sealed.ciphertext).update(sealed.sharedSecret);
      expect(provider.kemDecapsulate(sealed.ciphertext, decapsulationKey)).toEqual(sealed.sharedSecret);
      outputs.update(provider.kemDecapsulate(input.xof(1088), decapsulationKey) ?? new Uint8Array(0));
    }
    expect(encodeHex(outputs.xof(32))).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
  });
});
