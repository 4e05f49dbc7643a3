import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { naclProvider } from '../nacl.js';
import type { CryptoProvider } from '../provider.js';
import { bySeed } from './by-seed.js';

// node:crypto takes no raw keys. Private keys are passed as PKCS #8, with this prefix (RFC 8410 §7).
const PRIVATE = { x25519: '302e020100300506032b656e04220420', ed25519: '302e020100300506032b657004220420' } as const;
// Public keys are passed as JWK (RFC 8037 §2). As SPKI, OpenSSL takes ten times as long to read them.
const PUBLIC = { x25519: 'X25519', ed25519: 'Ed25519' } as const;
type Curve = keyof typeof PRIVATE;

function privateKey(curve: Curve, secret: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from(PRIVATE[curve], 'hex'), secret]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

function publicKey(curve: Curve, bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: PUBLIC[curve], x }, format: 'jwk' });
}

function publicOf(key: KeyObject): Uint8Array {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
}

const signingKeyOf = bySeed((seed) => privateKey('ed25519', seed));

/**
 * node:crypto (OpenSSL) for X25519, Ed25519, SHA-512 and HKDF, and `naclProvider` for the rest. The server's default.
 */
export const nodeProvider: CryptoProvider = {
  ...naclProvider,
  name: 'node',
  sha512: (bytes) => new Uint8Array(createHash('sha512').update(bytes).digest()),
  hkdf: (salt, ikm, info, length) => new Uint8Array(hkdfSync('sha512', ikm, salt, info, length)),
  x25519PublicKey: (secret) => publicOf(privateKey('x25519', secret)),
  x25519(secret, theirs) {
    try {
      return new Uint8Array(
        diffieHellman({ privateKey: privateKey('x25519', secret), publicKey: publicKey('x25519', theirs) }),
      );
    } catch {
      return new Uint8Array(32); // OpenSSL refuses an all-zero result, which other providers return
    }
  },
  ed25519PublicKey: (seed) => publicOf(signingKeyOf(seed)),
  ed25519Sign: (seed, message) => new Uint8Array(sign(null, message, signingKeyOf(seed))),
  ed25519Verify(key, message, signature) {
    try {
      return verify(null, message, publicKey('ed25519', key), signature);
    } catch {
      return false;
    }
  },
};
