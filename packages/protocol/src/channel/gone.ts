import type { ChannelEvent } from './channel-event.js';
import type { ChannelPhase } from './channel-phase.js';

/** A channel whose tombstone has ended too. It keeps events and a last frame that are not polled yet, and no keys. */
export class Gone implements ChannelPhase {
  readonly name = 'gone';
  readonly confirmed = false;
  readonly writable = false;
  readonly unansweredSinceMs = null;
  readonly starved = false;
  readonly nextWakeAtMs = Number.POSITIVE_INFINITY;
  readonly successor = null;
  readonly channelId: Uint8Array;
  readonly protocol: string;
  readonly #events: ChannelEvent[];
  #farewell: Uint8Array | null;

  /** Takes over `events` that were not polled. `farewell` is a last frame for the peer. */
  constructor(
    { channelId, protocol }: Pick<ChannelPhase, 'channelId' | 'protocol'>,
    events: ChannelEvent[],
    farewell: Uint8Array | null = null,
  ) {
    this.channelId = channelId;
    this.protocol = protocol;
    this.#events = events;
    this.#farewell = farewell;
  }

  handle(): void {}

  handleFrame(): boolean {
    return true;
  }

  provoked(): boolean {
    return false;
  }

  abort(): void {}

  pollEvent(): ChannelEvent | null {
    return this.#events.shift() ?? null;
  }

  pollFrame(): Uint8Array | null {
    const farewell = this.#farewell;
    this.#farewell = null;
    return farewell;
  }
}
