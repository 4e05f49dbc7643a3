import { equalBytes } from '@sws/crypto';
import type { Channel } from './channel.js';
import type { ChannelIndex } from './channel-index.js';

/** The most unconfirmed attempts to one peer whose OPEN was sent (PROTOCOL §4, Bounds). */
export const MAX_UNCONFIRMED_PER_PEER = 4;
const NONE: readonly Channel[] = [];

/** The channels that this endpoint opens, until they are confirmed. Those over the bound wait for their turn. */
export class Attempts {
  /** Channels without an ACCEPT. */
  readonly #opening = new Set<Channel>();
  /** Channels whose OPEN may not be sent yet, in order. */
  #waiting: Channel[] = [];

  add(channel: Channel): void {
    this.#opening.add(channel);
    this.#waiting.push(channel);
  }

  /** Called when a channel may have changed its phase. */
  noticed(channel: Channel): void {
    if (channel.phase !== 'opening') this.#opening.delete(channel);
  }

  forget(channel: Channel): void {
    this.#opening.delete(channel);
    if (this.#waiting.includes(channel)) this.#waiting = this.#waiting.filter((other) => other !== channel);
  }

  /** The channels to a peer without an ACCEPT. */
  *to(peer: Uint8Array): Iterable<Channel> {
    for (const channel of this.#opening) if (equalBytes(channel.peer, peer)) yield channel;
  }

  /** The channels that need no longer wait. `begin` is due for each. */
  turns(channels: ChannelIndex): readonly Channel[] {
    if (this.#waiting.length === 0) return NONE;
    const unconfirmed = new Map<string, number>();
    for (const channel of channels.all()) {
      const counts = channel.initiator && !channel.confirmed && channel.phase !== 'tombstone';
      if (counts && !this.#waiting.includes(channel))
        unconfirmed.set(channel.peerAddress, (unconfirmed.get(channel.peerAddress) ?? 0) + 1);
    }
    const turns: Channel[] = [];
    this.#waiting = this.#waiting.filter((channel) => {
      const count = unconfirmed.get(channel.peerAddress) ?? 0;
      if (count >= MAX_UNCONFIRMED_PER_PEER) return true;
      unconfirmed.set(channel.peerAddress, count + 1);
      turns.push(channel);
      return false;
    });
    return turns;
  }
}
