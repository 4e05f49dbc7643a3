import { SwsError as AnySwsError, type CryptoFailureCode } from '@sws/crypto';
import type { FailureCode } from '@sws/protocol';

/** Every code of this package's errors, failures and `error` events: the keys of `FAILURES` and `CRYPTO_FAILURES`. */
export type ClientFailureCode = FailureCode | CryptoFailureCode;

/** An error of this package. Test `code`, not `instanceof`. */
export type SwsError = AnySwsError<ClientFailureCode>;
export const SwsError: new (code: ClientFailureCode, message: string, options?: { cause?: unknown }) => SwsError =
  AnySwsError;
