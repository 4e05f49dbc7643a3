import type { FailureCode } from '@sws/protocol';

/** The `error` event of a secure socket: an Event, as the standard has it, that says why. */
export class SecureErrorEvent extends Event {
  /** A key of `FAILURES`, or an identity's error code. */
  readonly code: FailureCode | string;
  readonly message: string;

  constructor(code: FailureCode | string, message: string) {
    super('error');
    this.code = code;
    this.message = message;
  }
}
