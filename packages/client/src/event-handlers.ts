/** The value of an event handler attribute. It is called with the event, and `this` is the socket. */
export type Handler<E extends Event> = ((event: E) => unknown) | null;

/**
 * The event handler attributes of one target (HTML, event handlers). A handler keeps its place among the listeners from
 * its first setting. Setting `null`, or a value that is not an object, removes it. An object that cannot be called is
 * kept, and does nothing.
 */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<string, object>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<E extends Event>(type: string): Handler<E> {
    return (this.#handlers.get(type) as ((event: E) => unknown) | undefined) ?? null;
  }

  set(type: string, value: unknown): void {
    const handler = typeof value === 'function' || typeof value === 'object' ? value : null;
    if (handler === null) {
      this.#handlers.delete(type);
      this.#target.removeEventListener(type, this.#dispatch);
    } else {
      if (!this.#handlers.has(type)) this.#target.addEventListener(type, this.#dispatch);
      this.#handlers.set(type, handler);
    }
  }

  readonly #dispatch = (event: Event): void => {
    const handler = this.#handlers.get(event.type);
    // HTML, the event handler processing algorithm: only `false` cancels the event.
    if (typeof handler === 'function' && handler.call(this.#target, event) === false) event.preventDefault();
  };
}
