import { type CryptoProvider, concatBytes, decodeHex, SwsError } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';

const REGISTER = encodeUtf8('sws/1 register\0');
const REGISTERED = encodeUtf8('sws/1 registered\0');

/** Everything that a registration signs: no bare nonce is ever signed (PROTOCOL §2). Hex digits but for host and token. */
export interface RegistrationFacts {
  readonly nonce: string;
  readonly serverKey: string;
  readonly publicKey: string;
  readonly signingKey: string;
  readonly clientNonce: string;
  readonly host: string;
  readonly token: string;
}

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex);
  if (bytes === null) throw new SwsError('invalid-state', 'not hex');
  return bytes;
}

function withLength(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
}

/** What the client signs. */
export function registerMessage(facts: RegistrationFacts): Uint8Array {
  const { nonce, serverKey, publicKey, signingKey, clientNonce, host, token } = facts;
  const keys = [nonce, serverKey, publicKey, signingKey, clientNonce].map(bytesOf);
  return concatBytes(REGISTER, ...keys, withLength(host), withLength(token));
}

/** What the relay signs in answer. */
export function registeredMessage(provider: CryptoProvider, register: Uint8Array, signedNonce: Uint8Array): Uint8Array {
  return concatBytes(REGISTERED, provider.sha512(concatBytes(register, signedNonce)));
}
