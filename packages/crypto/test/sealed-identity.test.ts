import { scryptSync } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeHex, Identity, seal, unseal } from '../src/index.js';
import { randomBytes } from '../src/platform/index.js';
import { nodeProvider } from '../src/platform/node.js';

const seed = randomBytes(32);
const identity = Identity.fromSeed(seed);
const opened = async (text: string, passphrase: string) => (await unseal(text, passphrase)).exportSeed();
const passphrase = 'caf\u00e9 au lait';
let text: string;
beforeAll(async () => {
  text = await seal(identity, passphrase, randomBytes);
}, 60_000); // 128 MiB of scrypt, on a machine that may be busy

/** A sealed text as another program would write it: OpenSSL's scrypt at the lowest cost. */
function sealedElsewhere(): string {
  const salt = randomBytes(16);
  const key = scryptSync('elsewhere', salt, 32, { N: 2 ** 14, r: 8, p: 1, maxmem: 2 ** 26 });
  const box = nodeProvider.secretboxSeal(new Uint8Array(key), new Uint8Array(24), seed);
  return `sws-sealed-1.14.${encodeHex(salt)}.${encodeHex(box)}`;
}

test('a sealed identity opens again, with composed or decomposed accents and broken lines', async () => {
  expect(await opened(`  ${text.slice(0, 40)}\r\n ${text.slice(40)}\n`, 'cafe\u0301 au lait')).toEqual(seed);
});

test('the text has the documented format: a seed sealed by another program opens', async () => {
  expect(await opened(sealedElsewhere(), 'elsewhere')).toEqual(seed);
});

test('sealing twice gives different texts, which do not show the seed', async () => {
  expect(await seal(identity, passphrase, randomBytes)).not.toBe(text);
  expect(text).not.toContain(encodeHex(seed));
  expect(text).toMatch(/^sws-sealed-1\.17\.[0-9a-f]{32}\.[0-9a-f]{96}$/);
});

test('a wrong passphrase and an altered text give the same code, and no error shows a secret', async () => {
  const sealed = sealedElsewhere();
  const altered = sealed.slice(0, -1) + (sealed.endsWith('0') ? '1' : '0');
  for (const [text, passphrase] of [
    [sealed, 'Elsewhere'],
    [altered, 'elsewhere'],
  ] as const) {
    const error = await unseal(text, passphrase).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'wrong-passphrase' });
    const printed = inspect(error, { depth: 9, showHidden: true });
    expect(printed).not.toContain(encodeHex(seed));
    expect(printed).not.toContain(sealed.split('.')[3]);
  }
});

describe('refused before any work is done', () => {
  const salt = '0'.repeat(32);
  const box = '0'.repeat(96);
  test.each([
    ['', 'nothing'],
    [`sws-sealed-2.17.${salt}.${box}`, 'another version'],
    [`sws-sealed-1.19.${salt}.${box}`, 'a cost that takes 512 MiB'],
    [`sws-sealed-1.99.${salt}.${box}`, 'a cost without end'],
    [`sws-sealed-1.13.${salt}.${box}`, 'a cost that is no protection'],
    [`sws-sealed-1.1e1.${salt}.${box}`, 'another spelling'],
    [`sws-sealed-1.17.${salt}00.${box}`, 'a long salt'],
    [`sws-sealed-1.17.${salt}.${box}00`, 'a long box'],
    [`sws-sealed-1.17.${salt}.${box}.`, 'a fifth part'],
  ])('%s (%s)', async (malformed) => {
    await expect(unseal(malformed, 'x')).rejects.toMatchObject({ code: 'sealed-malformed' });
  });

  test('an empty passphrase', async () => {
    await expect(seal(identity, '', randomBytes)).rejects.toMatchObject({ code: 'invalid-length' });
  });
});
