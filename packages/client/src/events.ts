import type { ClientFailureCode } from './sws-error.js';

/** The `error` event of a secure socket: an Event, as the standard has it, that says why. */
export class SecureErrorEvent extends Event {
  /** What went wrong, to act by. */
  readonly code: ClientFailureCode;
  /** What went wrong, for a log. It holds no secret. */
  readonly message: string;

  constructor(code: ClientFailureCode, message: string) {
    super('error');
    this.code = code;
    this.message = message;
  }
}
