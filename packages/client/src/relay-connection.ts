import type { CryptoProvider, IdentityLike } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import {
  type Channel,
  type ChannelCommand,
  type ChannelNotice,
  Connection,
  type ConnectionState,
  DEFAULT_CHANNEL_SETTINGS,
  type Failure,
  type SignatureTask,
} from '@sws/protocol';
import { acquireTabLock, asyncSignatures, defaultMemory, defaultProvider, unref, webSocketFor } from '#platform';
import type { RelayUrl } from './address-url.js';
import { type ChannelDriver, ChannelHandle, type ChannelReceiver } from './channel-handle.js';
import { monotonicNow, SleepWatch } from './clock.js';
import { IncomingHandlers } from './incoming-handlers.js';
import type { ClientOptions } from './options.js';
import type { TransportSocket, WebSocketConstructor } from './platform/transport.js';
import type { Turn } from './platform/turn.js';
import { SwsError } from './sws-error.js';

/** The offer to a peer when a channel is opened. */
export interface ConnectOffer {
  readonly resource: string;
  readonly protocols: readonly string[];
  /** How long to wait for an absent peer, in milliseconds. */
  readonly waitForPeerMs: number;
}

/** The machine's state. `waiting`: another tab is registered with this identity, and this tab does not dial. */
export type RelayState = ConnectionState | { readonly name: 'waiting'; readonly failure: Failure };

/** While the transport holds this much, frames wait in the machine, where channels take turns. */
const MAX_TRANSPORT_BYTES = 1_048_576;
const DRAIN_POLL_MS = 10;
/** How long an unused connection is kept for the next socket. */
const LINGER_MS = 500;
/** The close code that tells a peer that this tab is done (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

const pool = new Map<string, RelayConnection>();

/**
 * The shell around the state machine `Connection`. It has one transport and one timer, carries out the machine's
 * outputs in order, and decides nothing. Sockets of one identity share one connection per relay, because two
 * registrations of one key would replace each other.
 */
export class RelayConnection implements ChannelDriver {
  readonly connection: Connection;
  readonly identity: IdentityLike;
  /** The handlers of incoming channels. Without a handler, all are refused. */
  readonly incoming = new IncomingHandlers();
  readonly #key: string;
  readonly #url: string;
  readonly #serverKey: string | undefined;
  readonly #WebSocket: WebSocketConstructor;
  readonly #receivers = new Map<Channel, ChannelReceiver>();
  readonly #stateListeners = new Set<(state: RelayState) => void>();
  #socket: TransportSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires; infinite for never. */
  #armedAt = Number.POSITIVE_INFINITY;
  #users = 0;
  #isShut = false;
  readonly #sleep = new SleepWatch();
  #pumping = false;
  #pumpQueued = false;
  /** This tab's place in the queue of its identity; `null` until first used. */
  #turn: Turn | null = null;
  #myTurn = false;
  /** Channels to open once it is this tab's turn. */
  readonly #untilMyTurn = new Map<ChannelHandle, () => void>();
  state: RelayState = { name: 'connecting' };

  private constructor(
    key: string,
    relay: RelayUrl,
    identity: IdentityLike,
    provider: CryptoProvider,
    options: ClientOptions,
  ) {
    const defaults = DEFAULT_CHANNEL_SETTINGS;
    const {
      WebSocket = webSocketFor(options.network),
      encoding = 'binary',
      token,
      serverKey,
      windowBytes = defaults.windowBytes,
      maxMessageBytes = defaults.maxMessageBytes,
      resumeTimeoutMs = defaults.resumeTimeoutMs,
      padding = defaults.padding,
      maxMemoryBytes = defaultMemory.maxMemoryBytes,
      maxStrangerMemoryBytes = maxMemoryBytes / 2,
      maxPeerMemoryBytes = defaultMemory.maxPeerMemoryBytes,
    } = options;
    if (WebSocket === undefined) throw new TypeError('this platform has no WebSocket: pass options.WebSocket');
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
      memory: { maxMemoryBytes, maxStrangerMemoryBytes, maxPeerMemoryBytes },
      accept: (request) =>
        this.incoming.accept(request, (answer) =>
          this.#run((connection, now) => connection.handleDecision(request, answer, now)),
        ),
      isKnown: (peer) => this.incoming.isKnown(peer),
      asksShell: asyncSignatures !== null,
    });
  }

  /**
   * The connection of this identity to this relay. It is created if there is none. Give it back with `release`.
   * @throws SwsError `wrong-server-key` if an existing connection does not have the given pin
   */
  static acquire(relay: RelayUrl, identity: IdentityLike, options: ClientOptions): RelayConnection {
    const key = `${identity.publicKey} ${relay.url}`;
    let found = pool.get(key);
    if (found === undefined) {
      found = new RelayConnection(key, relay, identity, options.provider ?? defaultProvider, options);
      pool.set(key, found);
    } else if (options.serverKey !== undefined && options.serverKey !== found.#serverKey)
      throw new SwsError('wrong-server-key', 'already connected to this relay without this serverKey');
    found.#users++;
    found.#enter();
    return found;
  }

  /** Registers here, although another tab or device may be registered with this identity. Another tab then waits. */
  takeOver(): void {
    if (this.#myTurn) this.#enter();
    else this.#turn?.takeOver();
  }

  #enter(): void {
    if (this.#myTurn) return this.#run((connection, now) => connection.connect(now));
    this.#turn ??= acquireTabLock(`sws ${this.#key}`, {
      granted: () => {
        this.#myTurn = true;
        this.#enter();
        const openings = [...this.#untilMyTurn.values()];
        this.#untilMyTurn.clear();
        for (const open of openings) open();
      },
      waiting: (detail) => this.#letGo(detail),
    });
  }

  /** It is another tab's turn. Ends all channels, and tells the peers before this tab's connection ends. */
  #letGo(detail: string): void {
    this.#myTurn = false;
    const close = { type: 'close', code: GOING_AWAY, reason: '' } as const;
    for (const channel of this.#receivers.keys())
      if (channel.phase === 'open') this.connection.handleCommand(channel, close, monotonicNow());
    this.#pump();
    this.#run((connection) => connection.close({ code: 'replaced', detail }));
  }

  release(): void {
    if (--this.#users > 0) return;
    if (!this.connection.registered) return this.#shut();
    unref(
      setTimeout(() => {
        // Closed channels may still have to send their last frames before the connection ends.
        if (this.#users === 0) this.#shut();
      }, LINGER_MS),
    );
  }

  onState(listener: (state: RelayState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /**
   * Opens a channel as soon as it is this tab's turn: at once, unless another tab of this browser is registered.
   * `receiver` gets the channel's events, and the errors of `ChannelTable.open`.
   */
  open(peer: Uint8Array, { waitForPeerMs, ...offer }: ConnectOffer, receiver: ChannelReceiver): ChannelHandle {
    const handle = new ChannelHandle(this, null);
    const open = (): void => {
      const now = monotonicNow();
      const waitUntilMs = waitForPeerMs > 0 ? now + waitForPeerMs : 0;
      try {
        handle.channel = this.connection.open(peer, { ...offer, waitUntilMs }, now);
        this.#receivers.set(handle.channel, receiver);
      } catch (error) {
        receiver.fail(error);
      }
      this.#pumpSoon();
    };
    if (this.#myTurn) open();
    else this.#untilMyTurn.set(handle, open);
    return handle;
  }

  /** Carries out a handle's command. @throws SwsError `closed` for `send` once the channel has closed */
  command(handle: ChannelHandle, command: ChannelCommand): void {
    const { channel } = handle;
    if (channel !== null) this.#run((connection, now) => connection.handleCommand(channel, command, now));
    else if (command.type === 'terminate') this.#untilMyTurn.delete(handle);
  }

  /** Calls the machine. Its outputs are carried out in a microtask, never inside the caller's call. */
  #run(action: (connection: Connection, nowMs: number) => void): void {
    try {
      const now = monotonicNow();
      if (this.#sleep.slept(now)) this.connection.probe(now);
      action(this.connection, now);
    } finally {
      this.#pumpSoon();
    }
  }

  /** Sends due frames now, because a removed iframe runs no more microtasks. */
  flush(): void {
    this.#pump();
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
      this.#runEvents();
      const socket = this.#socket;
      // A closing socket sends nothing more, and browsers log an error for each frame.
      socket?.cork?.();
      try {
        // Cloudflare's WebSocket has no bufferedAmount.
        while (socket?.readyState === 1 && !(socket.bufferedAmount >= MAX_TRANSPORT_BYTES)) {
          const frame = this.connection.pollFrame(monotonicNow());
          if (frame === null) break;
          socket.send(frame as string | Uint8Array<ArrayBuffer>);
        }
      } finally {
        socket?.uncork?.();
      }
    } finally {
      this.#pumping = false;
    }
    this.#arm();
  }

  #runEvents(): void {
    for (let event = this.connection.pollEvent(); event !== null; event = this.connection.pollEvent()) {
      switch (event.type) {
        case 'dial':
          this.#dial();
          break;
        case 'hang-up':
          this.#hangUp();
          break;
        case 'state':
          this.#setState(event.state);
          // Do not reconnect an unused connection: its registration could replace that of a successor.
          if (event.state.name === 'reconnecting' && this.#users === 0) this.#shut();
          break;
        case 'channel':
          this.#channelEvent(event);
          break;
        case 'sign':
        case 'verify':
          void this.#sign(event);
          break;
        default:
          event satisfies never;
      }
    }
  }

  #setState(state: ConnectionState): void {
    // Report `down` as `waiting` if it is another tab's turn, because that ends by itself.
    this.state = state.name === 'down' && !this.#myTurn ? { name: 'waiting', failure: state.failure } : state;
    for (const listener of [...this.#stateListeners]) listener(this.state);
  }

  #channelEvent({ channel, event }: ChannelNotice): void {
    if (event.type === 'open' && !channel.initiator) {
      const handle = new ChannelHandle(this, channel);
      const receiver = this.incoming.open(channel, handle);
      if (receiver === null) return handle.terminate({ code: 'refused', detail: 'closed' });
      this.#receivers.set(channel, receiver);
    }
    this.#receivers.get(channel)?.receive(event);
    if (event.type === 'close') this.#receivers.delete(channel);
  }

  #dial(): void {
    let socket: TransportSocket;
    try {
      socket = new this.#WebSocket(this.#url, 'sws.v1');
    } catch (cause) {
      const failure = { code: 'connection-lost', detail: `${cause}`, cause } as const;
      queueMicrotask(() => this.#run((connection, now) => connection.handleClosed(1006, now, failure)));
      return;
    }
    this.#socket = socket;
    // `ws` delivers its own buffers. Ask other classes for an ArrayBuffer instead of a Blob.
    if (socket.binaryType === 'blob') socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      if (typeof data === 'string') this.connection.handleFrame(data, monotonicNow());
      else if (data instanceof ArrayBuffer) this.connection.handleFrame(new Uint8Array(data), monotonicNow());
      else if (ArrayBuffer.isView(data))
        this.connection.handleFrame(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), monotonicNow());
      this.#pump();
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.connection.handleClosed(code, monotonicNow(), socket.failure);
      this.#pump();
    };
  }

  async #sign(task: SignatureTask): Promise<void> {
    const socket = this.#socket;
    const result = await asyncSignatures?.(this.identity, task);
    if (this.#socket === socket && result !== undefined)
      this.#run((connection, now) => connection.handleSignature(result, now));
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
    const now = monotonicNow();
    let at = this.connection.nextWakeAtMs;
    if (this.#socket?.readyState === 1 && this.#socket.bufferedAmount >= MAX_TRANSPORT_BYTES)
      at = Math.min(at, now + DRAIN_POLL_MS);
    // A timer that fires too early is set again. This is cheaper than setting it with every message.
    if (at >= this.#armedAt && at !== Number.POSITIVE_INFINITY) return;
    this.#disarm();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#armedAt = at;
    this.#timer = setTimeout(
      () => {
        this.#disarm();
        const woken = monotonicNow();
        if (this.#sleep.slept(woken)) this.connection.probe(woken);
        this.connection.handleTimeout(woken);
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
    if (this.#isShut) return;
    this.#isShut = true;
    pool.delete(this.#key);
    this.#turn?.release();
    this.connection.close({ code: 'normal', detail: 'closed locally' });
    this.#pump();
    this.#disarm();
  }
}
