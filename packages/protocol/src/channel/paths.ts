import type { Channel } from './channel.js';
import { Flight } from './flight.js';

/** What is under way to one peer, and its channels that wait until less is. */
interface Path {
  readonly flight: Flight;
  readonly waiting: Set<Channel>;
}

const NONE: readonly Channel[] = [];

/** The ways to the peers of one table: all channels to a peer share its way, and the queue at the relay. */
export class Paths {
  readonly #paths = new Map<string, Path>();

  /** The flight of a peer's channels; made when first asked for. */
  flightTo(peer: string): Flight {
    let path = this.#paths.get(peer);
    if (path === undefined) {
      path = { flight: new Flight(), waiting: new Set() };
      this.#paths.set(peer, path);
    }
    return path.flight;
  }

  /** Whether a channel has frames that may not go out yet: then it is one of those that `released` gives. */
  holds(channel: Channel): boolean {
    if (channel.waitsForRoom) this.#paths.get(channel.peerAddress)?.waiting.add(channel);
    return channel.waitsForRoom;
  }

  /** Those of its channels that waited for room to this peer, if there is more of it; without channels it is forgotten. */
  released(peer: string, channels: ReadonlySet<Channel>): readonly Channel[] {
    const path = this.#paths.get(peer);
    if (channels.size === 0) this.#paths.delete(peer);
    if (path === undefined || !path.flight.freed) return NONE;
    path.flight.freed = false;
    const waiting = [...path.waiting];
    path.waiting.clear();
    return waiting;
  }

  /** Much of what was sent to this peer waits at the relay. */
  slowDown(peer: string): void {
    this.#paths.get(peer)?.flight.slowDown();
  }

  /** This end is registered again: the ways may be others. */
  reset(): void {
    for (const { flight } of this.#paths.values()) flight.reset();
  }

  forget(channel: Channel): void {
    this.#paths.get(channel.peerAddress)?.waiting.delete(channel);
  }
}
