import { type CryptoProvider, type Identity, SwsError } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import {
  type AcceptPolicy,
  type Channel,
  type ChannelEvent,
  type ChannelOffer,
  type ChannelRequest,
  Connection,
  type ConnectionState,
  DEFAULT_CHANNEL_SETTINGS,
  type Failure,
} from '@sws/protocol';
import { defaultProvider, defaultWebSocket, takeTurn, unref } from '#platform';
import type { RelayUrl } from './address-url.js';
import type { ClientOptions } from './options.js';
import type { TransportSocket, WebSocketConstructor } from './platform/transport.js';
import type { Turn } from './platform/turn.js';

/** Frames wait in the machine while the transport holds this much: channels take turns, and nothing piles up here. */
const HIGH_WATER_BYTES = 1_048_576;
const DRAIN_POLL_MS = 10;
/** A connection that nobody uses is kept this long, so that a socket opened next finds it. */
const LINGER_MS = 500;

/** Tells a peer that this tab is done (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

/** Takes the incoming channels of a connection. */
export interface IncomingHandler {
  readonly accept: AcceptPolicy;
  readonly onChannel: (channel: Channel) => (event: ChannelEvent) => void;
}

/** The machine's state, or `waiting`: another tab is registered with this identity, and this one does not dial. */
export type RelayState = ConnectionState | { readonly name: 'waiting'; readonly failure: Failure };

const pool = new Map<string, RelayConnection>();

/**
 * The shell around `Connection`: one transport, one timer, and the outputs run in order; it decides nothing. Sockets of
 * one identity to one relay share one: two registrations of one key would replace each other.
 */
export class RelayConnection {
  readonly connection: Connection;
  readonly identity: Identity;
  /** Who takes incoming channels; nobody refuses them all. */
  incoming: IncomingHandler | null = null;
  readonly #key: string;
  readonly #url: string;
  readonly #serverKey: string | undefined;
  readonly #WebSocket: WebSocketConstructor;
  readonly #listeners = new Map<Channel, (event: ChannelEvent) => void>();
  readonly #stateListeners = new Set<(state: RelayState) => void>();
  #socket: TransportSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer comes; infinite for never. */
  #armedAt = Number.POSITIVE_INFINITY;
  #users = 0;
  #pumping = false;
  #pumpQueued = false;
  /** This tab's place among those of one identity; `null` until first used. */
  #turn: Turn | null = null;
  #myTurn = false;
  readonly #untilMyTurn = new Set<() => void>();
  state: RelayState = { name: 'connecting' };

  private constructor(
    key: string,
    relay: RelayUrl,
    identity: Identity,
    provider: CryptoProvider,
    options: ClientOptions,
  ) {
    const defaults = DEFAULT_CHANNEL_SETTINGS;
    const {
      WebSocket = defaultWebSocket,
      encoding = 'binary',
      token,
      serverKey,
      windowBytes = defaults.windowBytes,
      maxMessageBytes = defaults.maxMessageBytes,
      resumeTimeoutMs = defaults.resumeTimeoutMs,
      padding = defaults.padding,
    } = options;
    if (WebSocket === undefined) throw new TypeError('no WebSocket here: pass options.WebSocket');
    this.#key = key;
    this.#serverKey = serverKey;
    this.identity = identity;
    this.#url = relay.url.replace('//', () => `//${relay.credentials}`);
    this.#WebSocket = WebSocket;
    this.connection = new Connection({
      identity,
      provider,
      random: randomBytes,
      host: relay.host,
      encoding,
      token,
      serverKey,
      settings: { ...defaults, windowBytes, maxMessageBytes, resumeTimeoutMs, padding },
      accept: (request) => this.#accept(request),
    });
  }

  /**
   * The connection of this identity to this relay, made if there is none. Give it back with `release`.
   * @throws SwsError `wrong-server-key` for a pin that the connection there is does not hold to
   */
  static acquire(relay: RelayUrl, identity: Identity, options: ClientOptions): RelayConnection {
    const key = `${identity.publicKey} ${relay.url}`;
    let found = pool.get(key);
    if (found === undefined) {
      found = new RelayConnection(key, relay, identity, options.provider ?? defaultProvider, options);
      pool.set(key, found);
    } else if (options.serverKey !== undefined && options.serverKey !== found.#serverKey)
      throw new SwsError('wrong-server-key', 'connected without that pin');
    found.#users++;
    found.#enter();
    return found;
  }

  /** Does `action` once this tab may register: at once, unless another tab of this browser has the turn. Returns how to call it off. */
  whenMyTurn(action: () => void): () => void {
    if (this.#myTurn) action();
    else this.#untilMyTurn.add(action);
    return () => this.#untilMyTurn.delete(action);
  }

  /** Registers here, whoever else is registered with this identity: another tab of this browser lets go and waits. */
  takeOver(): void {
    if (this.#myTurn) this.#enter();
    else this.#turn?.takeOver();
  }

  #enter(): void {
    if (this.#myTurn) return this.run((connection, now) => connection.connect(now));
    this.#turn ??= takeTurn(`sws ${this.#key}`, {
      granted: () => {
        this.#myTurn = true;
        this.#enter();
        const actions = [...this.#untilMyTurn];
        this.#untilMyTurn.clear();
        for (const action of actions) action();
      },
      waiting: (detail) => this.#letGo(detail),
    });
  }

  /** It is another tab's turn: peers are told as long as this tab's connection lasts, and everything here ends. */
  #letGo(detail: string): void {
    this.#myTurn = false;
    const now = this.connection.time(Date.now());
    for (const channel of this.#listeners.keys()) if (channel.phase === 'open') channel.close(GOING_AWAY, '', now);
    this.#pump();
    this.run((connection) => connection.close({ code: 'replaced', detail }));
  }

  release(): void {
    if (--this.#users > 0) return;
    unref(
      setTimeout(() => {
        // Tombstones still owe the peer the last frames: they go out before the connection does.
        if (this.#users === 0) this.#shut();
      }, LINGER_MS),
    );
  }

  onState(listener: (state: RelayState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Opens a channel; its events go to `listener`. @throws SwsError of `ChannelTable.open` */
  open(peer: Uint8Array, offer: ChannelOffer, listener: (event: ChannelEvent) => void): Channel {
    const channel = this.connection.open(peer, offer, Date.now());
    this.#listeners.set(channel, listener);
    this.#pumpSoon();
    return channel;
  }

  /** Does something with the machine; its outputs follow in a microtask, never inside the caller's call. */
  run<T>(action: (connection: Connection, nowMs: number) => T): T {
    try {
      return action(this.connection, this.connection.time(Date.now()));
    } finally {
      this.#pumpSoon();
    }
  }

  /** Gives the transport now what is due: a frame that is taken away has no microtasks any more. */
  flush(): void {
    this.#pump();
  }

  /** An accept policy that throws refuses, and its error surfaces as that of an event listener would. */
  #accept(request: ChannelRequest): ReturnType<AcceptPolicy> {
    try {
      return this.incoming?.accept(request) ?? false;
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      return false;
    }
  }

  #pumpSoon(): void {
    if (this.#pumpQueued) return;
    this.#pumpQueued = true;
    queueMicrotask(() => {
      this.#pumpQueued = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return this.#pumpSoon();
    this.#pumping = true;
    try {
      this.#runOutputs();
      const socket = this.#socket;
      // A socket that is closing takes nothing any more, and browsers complain about each frame.
      socket?.cork?.();
      try {
        while (socket?.readyState === 1 && socket.bufferedAmount < HIGH_WATER_BYTES) {
          const frame = this.connection.nextFrame(Date.now());
          if (frame === null) break;
          socket.send(frame as string | Uint8Array<ArrayBuffer>);
        }
      } finally {
        socket?.uncork?.();
      }
      this.#runOutputs();
    } finally {
      this.#pumping = false;
    }
    this.#arm();
  }

  #runOutputs(): void {
    for (let outputs = this.connection.take(); outputs.length > 0; outputs = this.connection.take()) {
      for (const output of outputs) {
        switch (output.type) {
          case 'dial':
            this.#dial();
            break;
          case 'hang-up':
            this.#hangUp();
            break;
          case 'state':
            this.#setState(output.state);
            break;
          case 'channel':
            this.#channelEvent(output.channel, output.event);
            break;
        }
      }
    }
  }

  #setState(state: ConnectionState): void {
    // Down because it is another tab's turn is waiting: it ends by itself.
    this.state = state.name === 'down' && !this.#myTurn ? { name: 'waiting', failure: state.failure } : state;
    for (const listener of [...this.#stateListeners]) listener(this.state);
  }

  #channelEvent(channel: Channel, event: ChannelEvent): void {
    if (event.type === 'open' && !channel.initiator && this.incoming !== null)
      this.#listeners.set(channel, this.incoming.onChannel(channel));
    this.#listeners.get(channel)?.(event);
    if (event.type === 'close') this.#listeners.delete(channel);
  }

  #dial(): void {
    let socket: TransportSocket;
    try {
      socket = new this.#WebSocket(this.#url, 'sws.v1');
    } catch {
      queueMicrotask(() => this.run((connection) => connection.socketClosed(1006, Date.now())));
      return;
    }
    this.#socket = socket;
    // `ws` gives bytes as they came unless it is asked for a copy in an ArrayBuffer.
    if (socket.binaryType === 'blob') socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      if (typeof data === 'string') this.connection.receive(data, Date.now());
      else if (data instanceof ArrayBuffer) this.connection.receive(new Uint8Array(data), Date.now());
      else if (ArrayBuffer.isView(data))
        this.connection.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), Date.now());
      this.#pump();
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.connection.socketClosed(code, Date.now());
      this.#pump();
    };
  }

  #hangUp(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #arm(): void {
    const now = Date.now();
    let at = this.connection.wakeAtMs ?? Number.POSITIVE_INFINITY;
    if (this.#socket?.readyState === 1 && this.#socket.bufferedAmount >= HIGH_WATER_BYTES)
      at = Math.min(at, now + DRAIN_POLL_MS);
    // A timer that comes too soon looks, and is set again: cheaper than to set it with every message.
    if (at >= this.#armedAt && at !== Number.POSITIVE_INFINITY) return;
    this.#disarm();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#armedAt = at;
    this.#timer = setTimeout(
      () => {
        this.#disarm();
        this.connection.wake(Date.now());
        this.#pump();
      },
      Math.max(0, Math.min(at - now, 2 ** 31 - 1)),
    );
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#armedAt = Number.POSITIVE_INFINITY;
  }

  #shut(): void {
    if (pool.get(this.#key) === this) pool.delete(this.#key);
    this.#turn?.release();
    this.connection.close({ code: 'normal', detail: 'closed by this end' });
    this.#pump();
    this.#disarm();
  }
}
