import type { FailureCode } from '@sws/protocol';

/** The standard's CloseEvent, for runtimes that lack it (Node before 23). */
class CloseEventClass extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, init: { code: number; reason: string; wasClean: boolean }) {
    super(type);
    this.code = init.code;
    this.reason = init.reason;
    this.wasClean = init.wasClean;
  }
}

export function closeEvent(init: { code: number; reason: string; wasClean: boolean }): CloseEvent {
  if (typeof CloseEvent === 'function') return new CloseEvent('close', init);
  return new CloseEventClass('close', init) as CloseEvent;
}

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
