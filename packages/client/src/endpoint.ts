import { type IdentityLike, parseAddress } from '@sws/crypto';
import type { Channel, ChannelRequest } from '@sws/protocol';
import { warn } from '#platform';
import { parseAddressUrl, parseRelayUrl, type RelayUrl } from './address-url.js';
import type { ChannelHandle } from './channel-handle.js';
import { ChannelSocket } from './channel-socket.js';
import { checkProtocols, connectAs, toProtocols } from './client-secure-web-socket.js';
import { monotonicNow } from './clock.js';
import type { Listener, ListenOptions, RemoveOptions } from './dom-types.js';
import type { SecureErrorEvent } from './events.js';
import { isPromise } from './incoming-handlers.js';
import { decodeOneLine, encodeOneLine, MESSAGE_PROTOCOL, NOT_JSON } from './one-line-message.js';
import { type ClientOptions, identityOf } from './options.js';
import { RelayConnection, type RelayState } from './relay-connection.js';
import { SecureWebSocket } from './secure-web-socket.js';
import { type ClientFailureCode, SwsError } from './sws-error.js';

/** How long `close` waits for the peers' answers. */
const CLOSE_GRACE_MS = 2_000;

/** Options of one socket that `connect` opens. */
export interface ConnectOptions {
  /** Path and query, which only the peer sees. Set it if the peer serves several. @defaultValue `/` */
  readonly resource?: string;
  /** Subprotocols to offer, the preferred one first; the peer chooses. @defaultValue none */
  readonly protocols?: string | readonly string[];
  /** How long to wait for an absent peer, in ms. @defaultValue the endpoint's `waitForPeerMs` */
  readonly waitForPeerMs?: number;
}

/** Whether a peer may connect, and which of its offered subprotocols to use. */
export type Acceptance =
  | boolean
  | {
      /** One of the subprotocols that the peer offered. @defaultValue none */
      readonly protocol?: string;
    };

/** Options of an endpoint, beside those of every connection. */
export interface EndpointOptions extends ClientOptions {
  /**
   * Decides who may connect, and with which subprotocol. Set it unless everybody who knows the address may connect.
   * `true` takes the first offered subprotocol. A client that offers some and gets none fails, as the standard says.
   * If it returns a promise, the peer waits up to 45 s; at most 256 peers wait, half of them strangers. The function
   * may be called twice for one attempt, so it must be free of side effects. Several endpoints of one identity are
   * asked in the order in which they were created. @defaultValue accepts everyone, once something listens for
   * `connection` or `message`
   */
  readonly accept?: (request: ChannelRequest) => Acceptance | Promise<Acceptance>;
  /**
   * Says whether you know a peer, by its address. Set it if regular peers must get through however many strangers
   * connect. Memory and work are reserved for known peers, and they have a full window from the start. It is called
   * for each attempt to connect, before any work, so it must be fast and free of side effects. @defaultValue a peer is
   * known if this endpoint has dialled it
   */
  readonly isKnown?: (peer: string) => boolean;
  /** Closes the endpoint when the signal aborts. Set it in code that ends by AbortSignal. @defaultValue none */
  readonly signal?: AbortSignal;
}

/**
 * The state of an endpoint. `connecting`: it connects for the first time. `waiting`: another tab of this browser is
 * registered with this identity; this endpoint registers when that tab closes, or at `takeOver`. `registered`: peers
 * can reach it. `reconnecting`: it tries again by itself. `down`: it does not try again. `closed`: `close` was called.
 */
export type EndpointState = 'connecting' | 'waiting' | 'registered' | 'reconnecting' | 'down' | 'closed';

/** A peer has connected; the socket is open. */
export class ConnectionEvent extends Event {
  /** The socket, which is open already. Set its handlers before the listener returns. */
  readonly socket: SecureWebSocket;
  /** The subprotocols that the peer offered. */
  readonly protocols: readonly string[];
  /** The peer's name for the channel, which `accept` was also given. */
  readonly channelId: Uint8Array;
  constructor(socket: SecureWebSocket, { protocols, channelId }: Pick<ChannelRequest, 'protocols' | 'channelId'>) {
    super('connection');
    this.socket = socket;
    this.protocols = protocols;
    this.channelId = channelId;
  }
}

/** A one-line message has arrived. `data` is a JSON value or an ArrayBuffer. */
export class PeerMessageEvent extends Event {
  /** The sender's proven address. */
  readonly from: string;
  /** A JSON value, or an ArrayBuffer that you own. Check it, because the sender chose it. */
  readonly data: unknown;
  constructor(from: string, data: unknown) {
    super('message');
    this.from = from;
    this.data = data;
  }
}

/** Why an endpoint is not registered: a failure of the relay, the network or its identity. */
export interface EndpointFailure {
  /** What went wrong, to act by. */
  readonly code: ClientFailureCode;
  /** What went wrong, for a log. It holds no secret. */
  readonly detail: string;
  /** The platform's error, if it has more detail, as in Node. */
  readonly cause?: unknown;
}

/** The endpoint's state has changed. */
export class StateEvent extends Event {
  /** The state from now on. */
  readonly state: EndpointState;
  /** Why the endpoint is not registered; `null` if nothing failed. */
  readonly failure: EndpointFailure | null;
  /** Milliseconds until the next attempt; `null` if none is planned. */
  readonly retryInMs: number | null;
  constructor(state: EndpointState, failure: EndpointFailure | null, retryInMs: number | null) {
    super('state');
    this.state = state;
    this.failure = failure;
    this.retryInMs = retryInMs;
  }
}

/** The events of an endpoint. */
export interface EndpointEventMap {
  /** A peer has connected. */
  readonly connection: ConnectionEvent;
  /** A one-line message has arrived. */
  readonly message: PeerMessageEvent;
  /** The state has changed. */
  readonly state: StateEvent;
}

/** One registered connection to many peers. It connects, accepts connections, and exchanges one-line messages. */
export class Endpoint extends EventTarget {
  /** The relay's URL with a slash at its end. Append an address to get a URL to dial. */
  readonly url: string;
  /** Resolves with the identity once it is loaded. Rejects if it cannot be loaded. */
  readonly ready: Promise<IdentityLike>;
  readonly #options: EndpointOptions;
  readonly #relayUrl: RelayUrl;
  readonly #listens = new Set<string>();
  readonly #outgoing = new Map<string, Promise<SecureWebSocket>>();
  /** The sockets that are not closed, opened by either end. */
  readonly #sockets = new Set<ChannelSocket>();
  #relay: RelayConnection | null = null;
  #stopListening: () => void = () => {};
  #stopTaking: () => void = () => {};
  #closing: Promise<void> | null = null;
  #address: string | null = null;
  #last = new StateEvent('connecting', null, null);

  /**
   * Connects at once. @throws DOMException SyntaxError unless `relayUrl` is a `ws:`, `wss:`, `http:` or `https:` URL
   * without a fragment
   */
  constructor(relayUrl: string | URL, options: EndpointOptions = {}) {
    super();
    this.#relayUrl = parseRelayUrl(String(relayUrl));
    this.url = this.#relayUrl.url;
    this.#options = options;
    this.ready = identityOf(options).then((identity) => {
      if (this.#closing === null) this.#start(identity);
      return identity;
    });
    this.ready.catch((error: unknown) => {
      const detail = error instanceof Error ? error.message : 'no identity';
      const code = error instanceof SwsError ? error.code : 'unexpected';
      this.#setState('down', { code, detail }, null);
    });
    options.signal?.addEventListener('abort', this.#abort);
    if (options.signal?.aborted === true) this.#abort();
  }

  readonly #abort = (): void => void this.close();

  /** The present state. Each change is a `state` event. */
  get state(): EndpointState {
    return this.#last.state;
  }
  /**
   * Resolves with this endpoint's address as soon as peers can reach it: at once if it is registered, otherwise at its
   * next registration. Rejects with an SwsError once it is down or closed.
   */
  get registered(): Promise<string> {
    const registered = new Promise<string>((resolve, reject) => {
      const look = ({ state, failure }: Pick<StateEvent, 'state' | 'failure'>): void => {
        if (state === 'registered') resolve(this.#address ?? '');
        else if (state === 'down' || state === 'closed')
          reject(new SwsError(failure?.code ?? 'closed', failure?.detail ?? `the endpoint is ${state}`));
        else super.addEventListener('state', (event) => look(event as StateEvent), { once: true });
      };
      look(this.#last);
    });
    registered.catch(() => {}); // callers that wait for it get the failure
    return registered;
  }
  /** This endpoint's address, 64 hex digits; `null` until the identity is loaded. */
  get address(): string | null {
    return this.#address;
  }

  /** Adds a listener, as `EventTarget` does. Peers can connect once something listens for `connection` or `message`. */
  override addEventListener<K extends keyof EndpointEventMap>(
    type: K,
    listener: (event: EndpointEventMap[K]) => unknown,
    options?: ListenOptions | boolean,
  ): void;
  /** Adds a listener for an event that is not in the map. */
  override addEventListener(type: string, listener: Listener | null, options?: ListenOptions | boolean): void;
  override addEventListener(type: string, listener: Listener | null, options?: ListenOptions | boolean): void {
    this.#listens.add(type);
    super.addEventListener(type, listener, options);
  }
  /** Removes a listener, as `EventTarget` does. */
  declare removeEventListener: {
    <K extends keyof EndpointEventMap>(
      type: K,
      listener: (event: EndpointEventMap[K]) => unknown,
      options?: RemoveOptions | boolean,
    ): void;
    (type: string, listener: Listener | null, options?: RemoveOptions | boolean): void;
  };

  /**
   * Opens a socket to a peer, by its address. @throws SwsError `invalid-address`, `low-order-key`; DOMException
   * SyntaxError for a malformed resource or subprotocol
   */
  connect(peer: string, options: ConnectOptions = {}): SecureWebSocket {
    parseAddress(peer);
    const { waitForPeerMs = this.#options.waitForPeerMs ?? 0 } = options;
    const { href, peer: addressed, resource } = parseAddressUrl(this.#urlOf(peer, options.resource ?? '/'));
    if (addressed !== peer) throw new DOMException('resource must stay below the peer’s address', 'SyntaxError');
    const offer = { protocols: checkProtocols(toProtocols(options.protocols)), waitForPeerMs };
    const socket = new ChannelSocket({ url: href, peer, resource });
    const made = this.#keep(socket);
    if (this.#closing !== null) socket.fail(new SwsError('closed', 'the endpoint is closed'));
    else connectAs(this.ready, this.#relayUrl, this.#options, socket, offer);
    return made;
  }

  /**
   * Sends one JSON value, or bytes. Resolves when the peer's process has it.
   * @throws SwsError if it cannot be delivered; TypeError for a value that JSON cannot represent
   */
  async send(peer: string, value: unknown): Promise<void> {
    const message = encodeOneLine(value);
    const socket = await this.#messageSocket(peer);
    socket.send(message);
    await socket.delivered();
  }

  /**
   * Registers here although another tab or device is registered with this identity, for a button "use it here". The
   * sockets of the other end with `replaced`. The other endpoint is then `waiting` if it is in another tab of this
   * browser, and `down` on another device.
   */
  takeOver(): void {
    this.ready.then(
      () => this.#relay?.takeOver(),
      () => {}, // a `state` event has reported the failure
    );
  }

  /**
   * Closes every socket of this endpoint, and the connection unless another endpoint uses it. Resolves when they are
   * closed. Sockets that are still connecting fail at once. It waits for the peers' answers for at most `graceMs`
   * (2,000 ms by default). Raise it if peers are slow and their last messages matter.
   */
  close({ graceMs = CLOSE_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#stopListening();
    this.#stopTaking();
    const closing = [...this.#sockets].map((socket) => {
      socket.close({ code: 1000, reason: '' });
      return socket.closed;
    });
    const late = setTimeout(() => {
      for (const socket of this.#sockets) socket.terminate();
    }, graceMs);
    await Promise.all(closing);
    clearTimeout(late);
    this.#relay?.release();
    this.#relay = null;
    this.#setState('closed', null, null);
  }

  #start(identity: IdentityLike): void {
    this.#address = identity.publicKey;
    const relay = RelayConnection.acquire(this.#relayUrl, identity, this.#options);
    this.#relay = relay;
    this.#stopTaking = relay.incoming.add({
      accept: (request) => this.#accept(request),
      isKnown: (peer) => this.#options.isKnown?.(peer) ?? false,
      onChannel: (channel, handle) => this.#adopt(relay, channel, handle),
    });
    this.#stopListening = relay.onState((state) => this.#connectionState(state));
    this.#connectionState(relay.state);
  }

  #accept(request: ChannelRequest): Acceptance | Promise<Acceptance> {
    const { accept } = this.#options;
    const { protocols } = request;
    const [first = ''] = protocols;
    const choose = (answer: Acceptance): Acceptance =>
      answer === true ? { protocol: protocols.includes(MESSAGE_PROTOCOL) ? MESSAGE_PROTOCOL : first } : answer;
    const answer =
      accept === undefined ? this.#listens.has('connection') || this.#listens.has('message') : accept(request);
    return isPromise(answer) ? answer.then(choose) : choose(answer);
  }

  #adopt(relay: RelayConnection, channel: Channel, handle: ChannelHandle): ChannelSocket {
    const { peerAddress: peer, resource } = channel;
    const held = RelayConnection.acquire(this.#relayUrl, relay.identity, this.#options);
    const accepted = ChannelSocket.accepted({ url: this.#urlOf(peer, resource), peer, resource }, held, handle);
    const socket = this.#keep(accepted);
    if (channel.protocol === MESSAGE_PROTOCOL) this.#receiveMessages(socket);
    else this.dispatchEvent(new ConnectionEvent(socket, channel));
    return accepted;
  }

  #urlOf(peer: string, resource: string): string {
    return `${this.url}${peer}${resource.startsWith('/') ? '' : '/'}${resource}`;
  }

  #keep(socket: ChannelSocket): SecureWebSocket {
    this.#sockets.add(socket);
    void socket.closed.then(() => this.#sockets.delete(socket));
    return new SecureWebSocket(socket);
  }

  #receiveMessages(socket: SecureWebSocket): void {
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => {
      const message = decodeOneLine(data);
      if (message === null) socket.close(NOT_JSON.code, NOT_JSON.reason);
      else this.dispatchEvent(new PeerMessageEvent(socket.peer, message.value));
    });
  }

  #messageSocket(peer: string): Promise<SecureWebSocket> {
    const known = this.#outgoing.get(peer);
    if (known !== undefined) return known;
    const opening = new Promise<SecureWebSocket>((resolve, reject) => {
      const socket = this.connect(peer, { protocols: MESSAGE_PROTOCOL });
      socket.addEventListener('open', () => resolve(socket), { once: true });
      socket.addEventListener(
        'error',
        (event) => {
          const { code, message } = event as SecureErrorEvent;
          reject(new SwsError(code, message));
        },
        { once: true },
      );
      socket.addEventListener('close', () => {
        this.#outgoing.delete(peer);
        reject(new SwsError('closed', 'the channel closed before it was open'));
      });
    });
    opening.catch(() => {});
    this.#outgoing.set(peer, opening);
    return opening;
  }

  #connectionState(state: RelayState): void {
    const failure = 'failure' in state ? state.failure : null;
    // If the application does not listen for the state, the platform reports the failure.
    if (failure !== null && !this.#listens.has('state')) warn(failure);
    this.#setState(
      state.name,
      failure,
      state.name === 'reconnecting' ? Math.max(0, state.retryAtMs - monotonicNow()) : null,
    );
  }

  #setState(state: EndpointState, failure: EndpointFailure | null, retryInMs: number | null): void {
    if (this.#last.state === 'closed') return;
    this.#last = new StateEvent(state, failure, retryInMs);
    this.dispatchEvent(this.#last);
  }
}
