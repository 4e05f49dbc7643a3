const MEANINGS = {
  'invalid-address': 'not 64 lowercase hex digits of a canonical X25519 public key',
  'low-order-key': 'a public key of low order: every secret gives the same shared key with it',
  'invalid-length': 'an array or a text of the wrong length',
  'invalid-label': 'a message that does not begin with the label it is signed under',
  'identity-in-use': 'another store or process holds the identity file',
  'identity-damaged': 'a store holds something that is not an identity',
  'sealed-malformed': 'not a sealed identity, or one of another version',
  'identity-text-malformed': 'not an exported identity, or a letter of it is wrong',
  'store-unavailable': 'the store cannot be opened, read or written',
  'provider-unavailable': 'the library that a provider is made of is not installed',
  'wrong-passphrase': 'the sealed identity does not open with this passphrase',
} as const;

/** The stable code of an error of this package. */
export type CryptoFailureCode = keyof typeof MEANINGS;

/** The meaning of each code, for people. */
export const CRYPTO_FAILURES: Readonly<Record<CryptoFailureCode, string>> = MEANINGS;
