import type { Clock } from './clock.js';
import type { Peer } from './peer.js';
import type { Relay } from './relay.js';

/** As in `@sws/client`: what the transport may hold before no more is sealed for it. */
const HIGH_WATER_BYTES = 1_048_576;
const LATENCY_MS = 5;

type Data = string | Uint8Array;
/** `up` is from the peer to the relay. */
type Direction = 'up' | 'down' | 'both';

/** One WebSocket between a peer and the relay: in order, until it is cut. It can be stalled without either end noticing. */
export class Link {
  readonly peer: Peer;
  /** The relay's view. */
  open = true;
  readonly #clock: Clock;
  readonly #relay: Relay;
  #inFlightBytes = 0;
  #stalled: Direction | null = null;
  #waiting: { readonly action: () => void; readonly direction: 'up' | 'down' }[] = [];

  constructor(clock: Clock, peer: Peer, relay: Relay) {
    this.#clock = clock;
    this.peer = peer;
    this.#relay = relay;
    this.#later('up', () => relay.connected(this));
  }

  get hasRoom(): boolean {
    return this.#inFlightBytes < HIGH_WATER_BYTES;
  }
  /** What the peer has written and the relay has not read. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** The peer writes. */
  send(data: Data): void {
    this.#inFlightBytes += data.length;
    // The transport has copied it: what the sender keeps does not change.
    const copy = typeof data === 'string' ? data : data.slice();
    this.#later('up', () => {
      this.#inFlightBytes -= data.length;
      if (!this.open) return;
      this.#relay.received(this, copy);
      this.peer.pump();
    });
  }

  /** The relay writes. */
  deliver(data: Data): void {
    if (!this.open) return;
    const copy = typeof data === 'string' ? data : data.slice();
    this.#later('down', () => {
      const { peer } = this;
      peer.deliver(() => {
        if (peer.link !== this) return;
        peer.connection.handleFrame(copy, this.#clock.now);
        peer.pump();
      });
    });
  }

  /** The relay, or the network, closes: what a stall holds back is lost. */
  close(code: number): void {
    if (!this.open) return;
    this.open = false;
    this.#stalled = null;
    this.#waiting = [];
    this.#later('down', () => {
      const { peer } = this;
      peer.deliver(() => {
        if (peer.link !== this) return;
        peer.link = null;
        peer.connection.handleClosed(code, this.#clock.now);
        peer.pump();
      });
    });
    this.#relay.closed(this);
  }

  /** The peer closes. */
  hangUp(): void {
    this.#later('up', () => this.vanish());
  }

  /** The peer's end is gone; the relay learns of it. */
  vanish(): void {
    if (!this.open) return;
    this.open = false;
    this.#relay.closed(this);
  }

  /** Nothing passes any more, and nobody is told: a dead network, or with a direction, half of one. */
  stall(direction: Direction = 'both'): void {
    this.#stalled = direction;
  }

  flow(): void {
    this.#stalled = null;
    for (const { action, direction } of this.#waiting.splice(0)) this.#later(direction, action);
  }

  #later(direction: 'up' | 'down', action: () => void): void {
    this.#clock.after(LATENCY_MS, () => {
      if (this.#stalled === 'both' || this.#stalled === direction) this.#waiting.push({ action, direction });
      else action();
    });
  }
}
