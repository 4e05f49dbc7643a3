import type { AcceptAnswer, Channel, ChannelRequest } from '@sws/protocol';
import type { ChannelHandle, ChannelReceiver } from './channel-handle.js';

type Answer = boolean | { readonly protocol?: string };

/** Takes incoming channels. */
export interface IncomingHandler {
  /** May answer later. */
  readonly accept: (request: ChannelRequest) => Answer | Promise<Answer>;
  readonly isKnown: (peer: string) => boolean;
  readonly onChannel: (channel: Channel, handle: ChannelHandle) => ChannelReceiver;
}

/** Whoever takes the incoming channels of one identity: each is asked in turn, and the first that accepts has the channel. */
export class IncomingHandlers {
  readonly #handlers = new Set<IncomingHandler>();

  /** Returns how to take it away again. */
  add(handler: IncomingHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  isKnown(peer: string): boolean {
    for (const handler of this.#handlers) if (ask(() => handler.isKnown(peer)) === true) return true;
    return false;
  }

  /** The answer, or `later`: then `decide` gets it, `null` for none. */
  accept(request: ChannelRequest, decide: (answer: AcceptAnswer | null) => void): AcceptAnswer | 'later' {
    const answer = this.#ask(this.#handlers.values(), request);
    if (!isPromise(answer)) return answer;
    answer.then(decide, (error: unknown) => {
      surface(error);
      decide(null);
    });
    return 'later';
  }

  /** Who takes the events of a channel that has opened; `null` if who accepted it is gone. */
  open(channel: Channel, handle: ChannelHandle): ChannelReceiver | null {
    const handler = channel.owner as IncomingHandler;
    return this.#handlers.has(handler) ? handler.onChannel(channel, handle) : null;
  }

  /** Asks the next, and if it refuses the one after it. */
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

/** Whether an answer comes later. */
export function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof answer === 'object' && 'then' in (answer as object);
}

/** Asks the application. If that throws, the answer is no, and the error surfaces as that of an event listener would. */
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
