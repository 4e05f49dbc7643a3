/** The fields of a `close` event. */
export interface CloseEventFields {
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

/** Creates a `close` event, as Node's CloseEvent if Node has it. */
export function nodeCloseEvent(fields: CloseEventFields): CloseEvent {
  return typeof CloseEvent === 'function' ? new CloseEvent('close', { ...fields }) : new OwnCloseEvent('close', fields);
}
