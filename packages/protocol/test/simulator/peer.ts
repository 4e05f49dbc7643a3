import { type CryptoProvider, Identity } from '@sws/crypto';
import {
  type AcceptPolicy,
  type Channel,
  type ChannelCommand,
  type ChannelEvent,
  type ChannelOffer,
  type ChannelSettings,
  Connection,
  type ConnectionState,
  DEFAULT_CHANNEL_SETTINGS,
  type Encoding,
  type MemoryLimits,
} from '../../src/index.js';
import { encodeUtf8 } from '../../src/utf8.js';
import type { Clock } from './clock.js';
import { Link } from './link.js';
import type { Relay } from './relay.js';
import type { Seeded } from './seeded.js';

export interface PeerOptions {
  readonly name: string;
  readonly provider: CryptoProvider;
  readonly settings?: Partial<ChannelSettings>;
  readonly encoding?: Encoding;
  readonly accept?: AcceptPolicy;
  readonly isKnown?: (peer: string) => boolean;
  readonly memory?: MemoryLimits;
}

/** A client process in virtual time: the real `Connection`, and the shell that `@sws/client` puts around it. */
export class Peer {
  readonly name: string;
  readonly identity: Identity;
  connection: Connection;
  /** Called with every event of every channel. */
  onEvent: (channel: Channel, event: ChannelEvent) => void = () => {};
  state: ConnectionState = { name: 'connecting' };
  link: Link | null = null;
  /** Frames given to the transport so far. */
  framesSent = 0;
  /** While set, the process is frozen: nothing runs. */
  #frozen = false;
  #missed: (() => void)[] = [];
  readonly #clock: Clock;
  readonly #relay: Relay;
  readonly #random: Seeded;
  readonly #options: PeerOptions;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #pumping = false;

  constructor(clock: Clock, relay: Relay, random: Seeded, options: PeerOptions) {
    this.#clock = clock;
    this.#relay = relay;
    this.#random = random;
    this.#options = options;
    this.name = options.name;
    // The same identities in every run: making one costs more than most of a run.
    this.identity = Identity.fromSeed(
      options.provider.sha512(encodeUtf8(options.name)).subarray(0, 32),
      options.provider,
    );
    this.connection = this.#newConnection();
  }

  get address(): string {
    return this.identity.publicKey;
  }

  connect(): void {
    this.connection.connect(this.#clock.now);
    this.pump();
  }

  open(to: Peer, offer: Partial<ChannelOffer> = {}): Channel {
    const channel = this.connection.open(
      to.identity.publicKeyBytes(),
      { resource: '/', protocols: [], waitUntilMs: 0, ...offer },
      this.#clock.now,
    );
    this.pump();
    return channel;
  }

  /** Does something with a channel; its frames follow. */
  command(channel: Channel, command: ChannelCommand): void {
    this.connection.handleCommand(channel, command, this.#clock.now);
    this.pump();
  }

  /** The process dies and starts again with the same identity: no channel survives. */
  restart(): void {
    this.link?.vanish();
    this.link = null;
    this.connection = this.#newConnection();
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.connect();
  }

  /** The process stops running: a laptop sleeps, a tab is frozen. What comes waits. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    // Timers run before sockets are read, as in an event loop.
    this.#wake();
    for (const action of this.#missed.splice(0)) action();
  }

  /** What the transport tells: at once, or once the process runs again. */
  deliver(action: () => void): void {
    if (this.#frozen) this.#missed.push(action);
    else action();
  }

  /** Does what the machine says and gives the transport what it has room for. */
  pump(): void {
    if (this.#pumping || this.#frozen) return;
    this.#pumping = true;
    this.#runEvents();
    while (this.link?.hasRoom) {
      const frame = this.connection.pollFrame(this.#clock.now);
      this.#runEvents();
      if (frame === null) break;
      this.framesSent++;
      this.link?.send(typeof frame === 'string' ? frame : frame.slice());
    }
    this.#pumping = false;
    this.#plan();
  }

  #newConnection(): Connection {
    const { provider, settings, encoding = 'binary', accept = () => true, isKnown, memory } = this.#options;
    return new Connection({
      identity: this.identity,
      provider,
      random: this.#random.bytes,
      host: 'localhost',
      encoding,
      settings: { ...DEFAULT_CHANNEL_SETTINGS, ...settings },
      accept,
      isKnown,
      memory,
    });
  }

  #runEvents(): void {
    for (let event = this.connection.pollEvent(); event !== null; event = this.connection.pollEvent()) {
      if (event.type === 'dial') this.link = new Link(this.#clock, this, this.#relay);
      else if (event.type === 'hang-up') {
        this.link?.hangUp();
        this.link = null;
      } else if (event.type === 'state') this.state = event.state;
      else if (event.type === 'channel') this.onEvent(event.channel, event.event);
    }
  }

  #plan(): void {
    const at = this.connection.nextWakeAtMs;
    if (at >= this.#wakeAtMs) return;
    this.#wakeAtMs = at;
    this.#clock.after(at - this.#clock.now, () => {
      if (this.#wakeAtMs === at && !this.#frozen) this.#wake();
    });
  }

  #wake(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    if (this.connection.nextWakeAtMs <= this.#clock.now) this.connection.handleTimeout(this.#clock.now);
    this.pump();
  }
}
