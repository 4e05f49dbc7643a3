/** An event handler attribute's value: called with the event, `this` being the socket. */
export type Handler<E extends Event> = ((event: E) => unknown) | null;

/**
 * The event handler attributes of one target (HTML, event handlers): a handler's place among the listeners is that of its
 * first setting; setting `null`, or anything that is not an object, gives the place up; an object that can't be called
 * is kept and does nothing.
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
    // HTML, the event handler processing algorithm: only `false` counts.
    if (typeof handler === 'function' && handler.call(this.#target, event) === false) event.preventDefault();
  };
}
