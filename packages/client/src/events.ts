import type { FailureCode } from '@sws/protocol';

interface CloseEventFields {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** The standard's CloseEvent, for runtimes that lack it (Node before 23). */
class OwnCloseEvent extends Event {
  readonly #fields: CloseEventFields;

  constructor(type: string, init: Partial<CloseEventFields> & EventInit = {}) {
    super(type, init);
    const { code = 0, reason = '', wasClean = false } = init;
    this.#fields = { code, reason, wasClean };
  }
  get wasClean(): boolean {
    return this.#fields.wasClean;
  }
  get code(): number {
    return this.#fields.code;
  }
  get reason(): string {
    return this.#fields.reason;
  }
}
Object.defineProperty(OwnCloseEvent, 'name', { value: 'CloseEvent' });
for (const name of ['wasClean', 'code', 'reason'])
  Object.defineProperty(OwnCloseEvent.prototype, name, { enumerable: true });
Object.defineProperty(OwnCloseEvent.prototype, Symbol.toStringTag, { value: 'CloseEvent', configurable: true });

/** A `close` event: the runtime's CloseEvent where it has one. */
export function closeEvent(init: CloseEventFields): CloseEvent {
  if (typeof CloseEvent === 'function') return new CloseEvent('close', { ...init });
  return new OwnCloseEvent('close', init);
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
