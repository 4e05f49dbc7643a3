import { type CryptoProvider, concatBytes, decodeHex } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';

const REGISTER = encodeUtf8('sws/1 register\0');
const REGISTERED = encodeUtf8('sws/1 registered\0');

/** Everything that a registration signs, never a nonce alone (PROTOCOL §2). Hex digits, except host and token. */
export interface RegistrationFacts {
  readonly nonce: string;
  readonly serverKey: string;
  readonly publicKey: string;
  readonly signingKey: string;
  readonly clientNonce: string;
  readonly host: string;
  readonly token: string;
  readonly lastTerm: number;
}

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex);
  if (bytes === null) throw new TypeError('registration facts must be hex digits');
  return bytes;
}

function withLength(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The message that the client signs. */
export function registerMessage(facts: RegistrationFacts): Uint8Array {
  const { nonce, serverKey, publicKey, signingKey, clientNonce, host, token, lastTerm } = facts;
  const keys = [nonce, serverKey, publicKey, signingKey, clientNonce].map(bytesOf);
  return concatBytes(REGISTER, ...keys, withLength(host), withLength(token), u64(lastTerm));
}

/** The message that the relay signs in answer: the client's register message with its signature, and the given term. */
export function registeredMessage(
  provider: CryptoProvider,
  register: Uint8Array,
  signedNonce: Uint8Array,
  term: number,
): Uint8Array {
  return concatBytes(REGISTERED, provider.sha512(concatBytes(register, signedNonce)), u64(term));
}
