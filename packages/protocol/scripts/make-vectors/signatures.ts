import { concatBytes, Identity, naclProvider } from '@sws/crypto';
import { flipped, hex, littleEndian, utf8 } from './hex.js';
import { ORDER_8_Y } from './identities.js';
import { seededRandom } from './seeded-random.js';

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

function readLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** What an application signs, and the signatures on which libraries would disagree. */
export function signatureVectors() {
  const random = seededRandom('signatures');
  const identity = Identity.fromSeed(random(32), naclProvider);
  const seed = hex(identity.exportSeed());
  const message = utf8('sws/1 a message that is signed');
  const signature = naclProvider.ed25519Sign(identity.exportSeed(), message);
  const r = signature.slice(0, 32);
  const s = signature.slice(32);
  const key = identity.signingKeyBytes();
  const one = (name: string, signingKey: Uint8Array, signed: Uint8Array, bytes: Uint8Array, valid: boolean) => ({
    name,
    signingKey: hex(signingKey),
    message: hex(signed),
    signature: hex(bytes),
    valid,
  });
  const identityPoint = littleEndian(1n);
  const zero = new Uint8Array(32);
  return {
    description:
      'PROTOCOL section 1. application: Ed25519 of seed over message = "sws/1 app\\0" || u16(len(context)) || context || bytes. verify: the checks that come before any library, and what the library must say.',
    application: [
      { context: '', bytes: '' },
      { context: 'chat.example/login', bytes: hex(random(40)) },
      { context: 'grüße', bytes: '00' },
    ].map(({ context, bytes }) => {
      const name = utf8(context);
      const content = Uint8Array.from(Buffer.from(bytes, 'hex'));
      const signed = concatBytes(
        utf8('sws/1 app\0'),
        Uint8Array.of(name.length >> 8, name.length & 255),
        name,
        content,
      );
      return { seed, context, bytes, message: hex(signed), signature: hex(identity.sign(context, content)) };
    }),
    verify: [
      one('as signed', key, message, signature, true),
      one(
        'an empty message',
        key,
        new Uint8Array(0),
        naclProvider.ed25519Sign(identity.exportSeed(), new Uint8Array(0)),
        true,
      ),
      one('another message', key, flipped(message, 0), signature, false),
      one('another key', Identity.fromSeed(random(32)).signingKeyBytes(), message, signature, false),
      one('one bit of R', key, message, flipped(signature, 0), false),
      one('one bit of S', key, message, flipped(signature, 32), false),
      one('63 bytes', key, message, signature.slice(0, 63), false),
      one('65 bytes', key, message, concatBytes(signature, Uint8Array.of(0)), false),
      one('S + L', key, message, concatBytes(r, littleEndian(readLittleEndian(s) + L)), false),
      one('S = L', key, message, concatBytes(r, littleEndian(L)), false),
      one(
        'the identity point as key: R = identity, S = 0 satisfies the equation',
        identityPoint,
        message,
        concatBytes(identityPoint, zero),
        false,
      ),
      one('R of order 8', key, message, concatBytes(littleEndian(ORDER_8_Y), s), false),
      one('R of order 2', key, message, concatBytes(littleEndian(P - 1n), s), false),
      one('R not canonical: y = p + 3', key, message, concatBytes(littleEndian(P + 3n), s), false),
      one('a key not canonical: y = p + 4', littleEndian(P + 4n), message, signature, false),
      one('a key of order 4', zero, message, signature, false),
      one('a key not on the curve: y = 2', littleEndian(2n), message, signature, false),
    ],
  };
}
