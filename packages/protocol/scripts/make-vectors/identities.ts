import { concatBytes, Identity, naclProvider } from '@sws/crypto';
import { flipped, hex, littleEndian, utf8 } from './hex.js';
import { seededRandom } from './seeded-random.js';

const P = 2n ** 255n - 19n;
const ORDER_8_U = [
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
] as const;
/** The y-coordinate of a point of order 8 on Edwards25519. */
export const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;

/** Two addresses in either order, and what two people read to each other: PROTOCOL §1, line by line. */
function fingerprintOf(a: Identity, b: Identity) {
  const [A, B] = [a, b].map((identity) => identity.publicKeyBytes()).sort(Buffer.compare) as [Uint8Array, Uint8Array];
  const h = Buffer.from(naclProvider.sha512(concatBytes(utf8('sws/1 fingerprint\0'), A, B)));
  const groups = Array.from({ length: 8 }, (_, i) => String(h.readBigUInt64BE(8 * i) % 100_000n).padStart(5, '0'));
  return { addresses: [a.publicKey, b.publicKey], fingerprint: groups.join(' ') };
}

/** URLs with an address, taken apart. */
function urlsOf(address: string) {
  const taken = (url: string, relay: string, resource: string) => ({ url, relay, address, resource });
  const host = 'wss://relay.example';
  return [
    taken(`${host}/${address}`, `${host}/`, '/'),
    taken(`${host}/${address}/`, `${host}/`, '/'),
    taken(`${host}/prefix/${address}/room?x=1`, `${host}/prefix/`, '/room?x=1'),
    taken(`${host}/${address}?x=1`, `${host}/`, '/?x=1'),
    taken(`${host}/${address}/a/b/`, `${host}/`, '/a/b/'),
    taken(`${host}/${address}/${address}`, `${host}/`, `/${address}`),
    taken(`ws://127.0.0.1:8080/${address}/?`, 'ws://127.0.0.1:8080/', '/?'),
    taken(`https://relay.example/${address}/room`, `${host}/`, '/room'),
  ];
}

/** Seeds to key pairs, addresses that parse and that do not, signing keys that belong to an address and that do not. */
export function identityVectors() {
  const random = seededRandom('identities');
  const seeds = [
    new Uint8Array(32),
    new Uint8Array(32).fill(0xff),
    Uint8Array.from({ length: 32 }, (_, i) => i),
    random(32),
    random(32),
  ];
  const identities = seeds.map((seed) => Identity.fromSeed(seed, naclProvider));
  const [zeros, , a, b, c] = identities;
  if (zeros === undefined || a === undefined || b === undefined || c === undefined) throw new Error('five seeds');
  const own = a.publicKey;
  return {
    description:
      'PROTOCOL section 1. A seed gives secret (X25519, clamped), publicKey (the address) and signingKey; shared is X25519 of two identities, of which a and b are the seeds; an address either parses or fails; a signing key belongs to an address or does not. fingerprints: of two addresses, in either order; one has a group that begins with zeros. urls: what a client dials (relay), the peer’s address and the resource. invalidUrls: a client refuses them.',
    valid: identities.map((identity, i) => {
      const seed = seeds[i] ?? new Uint8Array(0);
      const secret = naclProvider.sha512(seed).slice(0, 32);
      secret[0] = (secret[0] ?? 0) & 248;
      secret[31] = ((secret[31] ?? 0) & 127) | 64;
      return { seed: hex(seed), secret: hex(secret), publicKey: identity.publicKey, signingKey: identity.signingKey };
    }),
    shared: [
      { a: hex(a.exportSeed()), b: hex(b.exportSeed()), shared: hex(a.dh(b.publicKeyBytes())) },
      { a: hex(b.exportSeed()), b: hex(c.exportSeed()), shared: hex(b.dh(c.publicKeyBytes())) },
    ],
    fingerprints: [fingerprintOf(a, b), fingerprintOf(b, a), fingerprintOf(zeros, c)],
    urls: urlsOf(own),
    invalidUrls: [
      { name: 'no address', url: 'wss://relay.example/room' },
      { name: 'an address in upper case', url: `wss://relay.example/${own.toUpperCase()}/room` },
      { name: 'a first segment of 64 digits that is no address', url: `wss://relay.example/${'f'.repeat(64)}/${own}` },
      { name: 'a low-order address', url: `wss://relay.example/${'0'.repeat(64)}` },
      { name: 'a resource that begins with //', url: `wss://relay.example/${own}//room` },
      { name: 'a fragment', url: `wss://relay.example/${own}/room#top` },
    ],
    signingKeys: [
      { name: 'its own', publicKey: own, signingKey: a.signingKey, belongs: true },
      {
        name: 'its own with the other sign: the map does not see it',
        publicKey: own,
        signingKey: hex(flipped(a.signingKeyBytes(), 31, 0x80)),
        belongs: true,
      },
      { name: "another identity's", publicKey: own, signingKey: b.signingKey, belongs: false },
      { name: 'one bit off', publicKey: own, signingKey: hex(flipped(a.signingKeyBytes(), 0)), belongs: false },
      {
        name: 'the identity point',
        publicKey: hex(littleEndian(0n)),
        signingKey: hex(littleEndian(1n)),
        belongs: false,
      },
      { name: 'a point of order 8', publicKey: own, signingKey: hex(littleEndian(ORDER_8_Y)), belongs: false },
      { name: 'y = p + 4, not canonical', publicKey: own, signingKey: hex(littleEndian(P + 4n)), belongs: false },
    ],
    invalid: [
      { name: 'empty', address: '', failure: 'invalid-address' },
      { name: '63 digits', address: own.slice(1), failure: 'invalid-address' },
      { name: '65 digits', address: `${own}0`, failure: 'invalid-address' },
      { name: 'upper case', address: own.toUpperCase(), failure: 'invalid-address' },
      { name: 'not hex', address: `g${own.slice(1)}`, failure: 'invalid-address' },
      { name: 'a space in front', address: ` ${own.slice(1)}`, failure: 'invalid-address' },
      { name: 'u = p', address: hex(littleEndian(P)), failure: 'invalid-address' },
      { name: 'u = p + 1', address: hex(littleEndian(P + 1n)), failure: 'invalid-address' },
      { name: 'u = 2^255 - 1', address: hex(littleEndian(2n ** 255n - 1n)), failure: 'invalid-address' },
      { name: 'the top bit set', address: hex(flipped(a.publicKeyBytes(), 31, 0x80)), failure: 'invalid-address' },
      { name: 'u = 0', address: hex(littleEndian(0n)), failure: 'low-order-key' },
      { name: 'u = 1', address: hex(littleEndian(1n)), failure: 'low-order-key' },
      { name: 'u = p - 1', address: hex(littleEndian(P - 1n)), failure: 'low-order-key' },
      { name: 'order 8', address: hex(littleEndian(ORDER_8_U[0])), failure: 'low-order-key' },
      { name: 'order 8, the other', address: hex(littleEndian(ORDER_8_U[1])), failure: 'low-order-key' },
    ],
  };
}
