import type { ClientFailureCode } from './sws-error.js';

/** The `error` event of a secure socket: the standard's Event, with the reason. */
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
