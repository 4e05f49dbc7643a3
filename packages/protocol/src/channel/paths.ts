import type { Channel } from './channel.js';
import { Flight } from './flight.js';

/** The flight to one peer, and its channels that wait for room in it. */
interface Path {
  readonly flight: Flight;
  readonly waiting: Set<Channel>;
}

const NONE: readonly Channel[] = [];

/** The paths to the peers of one table. All channels to a peer share its path, and its queue at the relay. */
export class Paths {
  readonly #paths = new Map<string, Path>();

  /** The flight of a peer's channels. It is created at the first call. */
  flightTo(peer: string): Flight {
    let path = this.#paths.get(peer);
    if (path === undefined) {
      path = { flight: new Flight(), waiting: new Set() };
      this.#paths.set(peer, path);
    }
    return path.flight;
  }

  /** Whether a channel has frames that may not be sent yet. If so, `released` returns it later. */
  holds(channel: Channel): boolean {
    if (channel.waitsForRoom) this.#paths.get(channel.peerAddress)?.waiting.add(channel);
    return channel.waitsForRoom;
  }

  /** If room was freed, returns the channels that waited for it. Forgets a peer without channels. */
  released(peer: string, channels: ReadonlySet<Channel>): readonly Channel[] {
    const path = this.#paths.get(peer);
    if (channels.size === 0) this.#paths.delete(peer);
    if (path === undefined || !path.flight.freed) return NONE;
    path.flight.freed = false;
    const waiting = [...path.waiting];
    path.waiting.clear();
    return waiting;
  }

  /** Many bytes for this peer wait at the relay. */
  slowDown(peer: string): void {
    this.#paths.get(peer)?.flight.slowDown();
  }

  /** This end is registered again, and the paths may have changed. */
  reset(): void {
    for (const { flight } of this.#paths.values()) flight.reset();
  }

  forget(channel: Channel): void {
    this.#paths.get(channel.peerAddress)?.waiting.delete(channel);
  }
}
