import type { EventEmitter } from 'node:events';

/** The argument that `ws` gives to a listener in the browser's style: a plain object with these fields. */
export interface ListenerEvent {
  readonly type: string;
  readonly target: unknown;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly wasClean?: boolean;
  readonly error?: unknown;
  readonly message?: string;
}

/** The value of an `on…` attribute. */
export type Handler = ((event: ListenerEvent) => void) | null;
export type Listener = ((event: ListenerEvent) => void) | { handleEvent(event: ListenerEvent): void };
type Emitted = (...given: unknown[]) => void;

const FIELDS: Record<string, (given: readonly unknown[]) => Omit<ListenerEvent, 'type' | 'target'>> = {
  open: () => ({}),
  message: ([data, isBinary]) => ({ data: isBinary === true ? data : String(data) }),
  close: ([code, reason]) => ({ code: Number(code), reason: String(reason), wasClean: code !== 1006 }),
  error: ([error]) => ({ error, message: error instanceof Error ? error.message : '' }),
};

/** `addEventListener`, `removeEventListener` and `on…` attributes for an emitter, as `ws` has them beside `on`. */
export class EventListeners {
  readonly #emitter: EventEmitter;
  readonly #added = new Map<string, Map<Listener, Emitted>>();
  readonly #attributes = new Map<string, { readonly handler: NonNullable<Handler>; readonly emitted: Emitted }>();

  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
  }

  /** Adds a listener for one of the standard's four events. Other events only have `on`, as with `ws`. */
  add(type: string, listener: Listener, once: boolean): void {
    const added = this.#added.get(type) ?? new Map<Listener, Emitted>();
    const call = this.#caller(type, listener);
    if (call === null || added.has(listener)) return;
    const emitted = (...given: unknown[]): void => {
      if (once) this.remove(type, listener);
      call(...given);
    };
    this.#added.set(type, added.set(listener, emitted));
    this.#emitter.on(type, emitted);
  }

  remove(type: string, listener: Listener): void {
    const emitted = this.#added.get(type)?.get(listener);
    if (emitted === undefined) return;
    this.#added.get(type)?.delete(listener);
    this.#emitter.off(type, emitted);
  }

  get(type: string): Handler {
    return this.#attributes.get(type)?.handler ?? null;
  }

  /** Sets an attribute's handler. It is separate from added listeners, even if it is the same function. */
  set(type: string, handler: Handler): void {
    const before = this.#attributes.get(type);
    if (before !== undefined) this.#emitter.off(type, before.emitted);
    this.#attributes.delete(type);
    if (typeof handler !== 'function') return;
    const emitted = this.#caller(type, handler);
    if (emitted === null) return;
    this.#attributes.set(type, { handler, emitted });
    this.#emitter.on(type, emitted);
  }

  #caller(type: string, listener: Listener): Emitted | null {
    const fields = FIELDS[type];
    if (fields === undefined) return null;
    return (...given) => {
      const event: ListenerEvent = { type, target: this.#emitter, ...fields(given) };
      if (typeof listener === 'function') listener.call(this.#emitter, event);
      else listener.handleEvent(event);
    };
  }
}
