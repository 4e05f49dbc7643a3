import type { AcceptAnswer, Channel, ChannelRequest } from '@sws/protocol';
import type { ChannelHandle, ChannelReceiver } from './channel-handle.js';

type Answer = boolean | { readonly protocol?: string };

/** A handler of incoming channels. */
export interface IncomingHandler {
  /** Decides about a channel, at once or by a promise. */
  readonly accept: (request: ChannelRequest) => Answer | Promise<Answer>;
  readonly isKnown: (peer: string) => boolean;
  readonly onChannel: (channel: Channel, handle: ChannelHandle) => ChannelReceiver;
}

/**
 * The handlers of incoming channels of one identity. They are asked in turn, and the first that accepts gets the
 * channel.
 */
export class IncomingHandlers {
  readonly #handlers = new Set<IncomingHandler>();

  /** Adds a handler. Returns a function that removes it. */
  add(handler: IncomingHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  isKnown(peer: string): boolean {
    for (const handler of this.#handlers) if (ask(() => handler.isKnown(peer)) === true) return true;
    return false;
  }

  /** Returns the answer, or `later`; then `decide` gets the answer, or `null` if nobody accepts. */
  accept(request: ChannelRequest, decide: (answer: AcceptAnswer | null) => void): AcceptAnswer | 'later' {
    const answer = this.#ask(this.#handlers.values(), request);
    if (!isPromise(answer)) return answer;
    answer.then(decide, (error: unknown) => {
      surface(error);
      decide(null);
    });
    return 'later';
  }

  /** The receiver of an opened channel's events; `null` if the handler that accepted it is gone. */
  open(channel: Channel, handle: ChannelHandle): ChannelReceiver | null {
    const handler = channel.owner as IncomingHandler;
    return this.#handlers.has(handler) ? handler.onChannel(channel, handle) : null;
  }

  /** Asks the next handler, and those after it until one accepts. */
  #ask(handlers: Iterator<IncomingHandler>, request: ChannelRequest): AcceptAnswer | Promise<AcceptAnswer> {
    const { value: owner } = handlers.next();
    if (owner === undefined) return false;
    const answered = (answer: Answer): AcceptAnswer | Promise<AcceptAnswer> => {
      if (answer === false || !this.#handlers.has(owner)) return this.#ask(handlers, request);
      return answer === true ? { owner } : { ...answer, owner };
    };
    const answer = ask(() => owner.accept(request));
    return isPromise(answer) ? answer.then(answered) : answered(answer);
  }
}

/** Whether an answer is a promise. */
export function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof answer === 'object' && 'then' in (answer as object);
}

/** Asks the application. If it throws, the answer is no, and the error is reported like that of an event listener. */
function ask<T>(question: () => T): T | false {
  try {
    return question();
  } catch (error) {
    surface(error);
    return false;
  }
}

function surface(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
