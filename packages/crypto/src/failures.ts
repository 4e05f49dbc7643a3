/** Every code that this package's errors carry, and what it means. */
export const CRYPTO_FAILURES = {
  'invalid-address': 'not 64 lowercase hex digits of a canonical X25519 public key',
  'low-order-key': 'a public key that every secret would agree on',
  'invalid-length': 'an array of the wrong length',
  'invalid-label': 'a message that does not begin with the label it is signed under',
  'identity-in-use': 'another store or process holds the identity file',
  'identity-damaged': 'a store holds something that is not an identity',
  'sealed-malformed': 'not a sealed identity, or one of another version',
  'identity-text-malformed': 'not an exported identity, or a letter of it is wrong',
  'store-unavailable': 'the place for the identity can not be opened, read or written',
  'provider-unavailable': 'the library that a provider is made of is not installed',
  'wrong-passphrase': 'the sealed identity does not open with this passphrase',
} as const;
export type CryptoFailureCode = keyof typeof CRYPTO_FAILURES;
