import { SwsError as AnySwsError } from '@sws/crypto';
import type { FailureCode } from './failures.js';

/** An error of this package: its code is one of `FAILURES`. */
export type SwsError = AnySwsError<FailureCode>;
export const SwsError: new (code: FailureCode, message: string, options?: { cause?: unknown }) => SwsError =
  AnySwsError;
