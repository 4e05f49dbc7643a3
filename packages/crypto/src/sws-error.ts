import { SwsError as AnySwsError } from './error.js';
import type { CryptoFailureCode } from './failures.js';

/** An error of this package: its code is one of `CRYPTO_FAILURES`. */
export type SwsError = AnySwsError<CryptoFailureCode>;
export const SwsError: new (code: CryptoFailureCode, message: string, options?: { cause?: unknown }) => SwsError =
  AnySwsError;
