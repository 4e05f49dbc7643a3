import { SwsError as AnySwsError, type CryptoFailureCode } from '@sws/crypto';
import type { FailureCode } from '@sws/protocol';

/** Every code that an error, a failure or an `error` event of this package carries: keys of `FAILURES` and `CRYPTO_FAILURES`. */
export type ClientFailureCode = FailureCode | CryptoFailureCode;

/** An error of this package. Test `code`, not `instanceof`. */
export type SwsError = AnySwsError<ClientFailureCode>;
export const SwsError: new (code: ClientFailureCode, message: string, options?: { cause?: unknown }) => SwsError =
  AnySwsError;
