import { type CryptoFailureCode, type Identity, parseAddress, SwsError } from '@sws/crypto';
import type { Channel, ChannelEvent, ChannelRequest, FailureCode } from '@sws/protocol';
import { parseRelayUrl, type RelayUrl } from './address-url.js';
import { ChannelSocket } from './channel-socket.js';
import { checkProtocols, connectAs, toProtocols } from './client-secure-web-socket.js';
import { type ClientOptions, defaultIdentity } from './options.js';
import { RelayConnection, type RelayState } from './relay-connection.js';
import { SecureWebSocket } from './secure-web-socket.js';

/** The subprotocol of `send` and `message`: one JSON text or one binary message each. */
export const MESSAGE_PROTOCOL = 'sws.message.v1';
/** `close` waits this long for the peers' answers. */
const CLOSE_GRACE_MS = 2_000;

export interface EndpointOptions extends ClientOptions {
  /**
   * Who may connect, and with which subprotocol; `true` takes the first one offered. A client that offers some and gets
   * none fails, as the standard has it. Must have no effects. @defaultValue everyone, once someone listens for `connection` or `message`
   */
  readonly accept?: (request: ChannelRequest) => boolean | { readonly protocol?: string };
  /** Closes the endpoint. */
  readonly signal?: AbortSignal;
}

/** `waiting`: another tab of this browser is registered with this identity; this one follows when that one closes, or at `takeOver`. */
export type EndpointState = 'connecting' | 'waiting' | 'registered' | 'reconnecting' | 'down' | 'closed';

/** A peer has connected; the socket is open. */
export class ConnectionEvent extends Event {
  readonly socket: SecureWebSocket;
  /** The subprotocols that the peer offered. */
  readonly protocols: readonly string[];
  constructor(socket: SecureWebSocket, protocols: readonly string[]) {
    super('connection');
    this.socket = socket;
    this.protocols = protocols;
  }
}

/** A one-line message has come: `data` is a JSON value, or an ArrayBuffer. */
export class PeerMessageEvent extends Event {
  readonly from: string;
  readonly data: unknown;
  constructor(from: string, data: unknown) {
    super('message');
    this.from = from;
    this.data = data;
  }
}

/** Why an endpoint is not registered: what the relay or the network did, or what is the matter with its identity. */
export interface EndpointFailure {
  readonly code: FailureCode | CryptoFailureCode;
  readonly detail: string;
}

/** The endpoint's state has changed. */
export class StateEvent extends Event {
  readonly state: EndpointState;
  readonly failure: EndpointFailure | null;
  /** Milliseconds until the next attempt, where one is planned. */
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
  readonly connection: ConnectionEvent;
  readonly message: PeerMessageEvent;
  readonly state: StateEvent;
}

/** One registered connection and many peers: connect, be connected to, or exchange one-line messages. */
export class Endpoint extends EventTarget {
  readonly url: string;
  /** The identity, once loaded. */
  readonly ready: Promise<Identity>;
  readonly #options: EndpointOptions;
  readonly #relayUrl: RelayUrl;
  readonly #listens = new Set<string>();
  readonly #outgoing = new Map<string, Promise<SecureWebSocket>>();
  /** Those that are not closed, whoever opened them. */
  readonly #sockets = new Set<ChannelSocket>();
  #relay: RelayConnection | null = null;
  #stopListening: () => void = () => {};
  #address: string | null = null;
  #state: EndpointState = 'connecting';

  /** @throws DOMException SyntaxError for a URL that can't be a relay's */
  constructor(relayUrl: string | URL, options: EndpointOptions = {}) {
    super();
    this.#relayUrl = parseRelayUrl(String(relayUrl));
    this.url = this.#relayUrl.url;
    this.#options = options;
    this.ready = Promise.resolve(options.identity ?? defaultIdentity()).then((identity) => {
      if (this.#state !== 'closed') this.#start(identity);
      return identity;
    });
    this.ready.catch((error: unknown) => {
      const detail = error instanceof Error ? error.message : 'no identity';
      const code = error instanceof SwsError ? (error.code as EndpointFailure['code']) : 'invalid-state';
      this.#setState('down', { code, detail }, null);
    });
    options.signal?.addEventListener('abort', () => void this.close(), { once: true });
    if (options.signal?.aborted === true) void this.close();
  }

  get state(): EndpointState {
    return this.#state;
  }
  /** One's own address, once the identity is loaded. */
  get address(): string | null {
    return this.#address;
  }

  override addEventListener<K extends keyof EndpointEventMap>(
    type: K,
    listener: (event: EndpointEventMap[K]) => unknown,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    this.#listens.add(type);
    super.addEventListener(type, listener, options);
  }
  declare removeEventListener: {
    <K extends keyof EndpointEventMap>(
      type: K,
      listener: (event: EndpointEventMap[K]) => unknown,
      options?: EventListenerOptions | boolean,
    ): void;
    (type: string, listener: EventListenerOrEventListenerObject | null, options?: EventListenerOptions | boolean): void;
  };

  /** Opens a socket to a peer. @throws SwsError `invalid-address`, `low-order-key`; DOMException SyntaxError for bad subprotocols */
  connect(
    peer: string,
    options: {
      readonly resource?: string;
      readonly protocols?: string | readonly string[];
      readonly waitForPeerMs?: number;
    } = {},
  ): SecureWebSocket {
    parseAddress(peer);
    const { resource = '/', waitForPeerMs = this.#options.waitForPeerMs ?? 0 } = options;
    const offer = { protocols: checkProtocols(toProtocols(options.protocols)), waitForPeerMs };
    const socket = new ChannelSocket({ url: this.#urlOf(peer, resource), peer, resource });
    const made = this.#keep(socket);
    if (this.#state === 'closed') socket.fail(new SwsError('invalid-state', 'the endpoint is closed'));
    else connectAs(this.ready, this.#relayUrl, this.#options, socket, offer);
    return made;
  }

  /** Sends one JSON value, or bytes. Resolves when the peer's process has it. @throws SwsError with what went wrong */
  async send(peer: string, value: unknown): Promise<void> {
    const socket = await this.#messageSocket(peer);
    const bytes = value instanceof ArrayBuffer || ArrayBuffer.isView(value);
    socket.send(bytes ? (value as ArrayBuffer) : JSON.stringify(value));
    await socket.delivered();
  }

  /**
   * Registers here, whoever else is registered with this identity: "use it here". Another tab of this browser lets go,
   * its sockets end with `replaced`, and its endpoint's state is `waiting`; another device's is `down`.
   */
  takeOver(): void {
    this.ready.then(
      () => this.#relay?.takeOver(),
      () => {}, // the state has told
    );
  }

  /**
   * Closes every socket of this endpoint and the connection, if nobody else uses it. Resolves when they are closed:
   * those that are still connecting fail at once, and peers that have not answered within `graceMs` are not waited for.
   */
  async close({ graceMs = CLOSE_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    if (this.#state === 'closed') return;
    this.#stopListening();
    if (this.#relay !== null) this.#relay.incoming = null;
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

  #start(identity: Identity): void {
    this.#address = identity.publicKey;
    const relay = RelayConnection.acquire(this.#relayUrl, identity, this.#options);
    this.#relay = relay;
    relay.incoming = {
      accept: (request) => this.#accept(request),
      onChannel: (channel) => this.#adopt(relay, channel),
    };
    this.#stopListening = relay.onState((state) => this.#connectionState(state));
    this.#connectionState(relay.state);
  }

  #accept(request: ChannelRequest): boolean | { readonly protocol?: string } {
    const { accept } = this.#options;
    const answer =
      accept === undefined ? this.#listens.has('connection') || this.#listens.has('message') : accept(request);
    if (answer !== true) return answer;
    const [first = ''] = request.protocols;
    return { protocol: request.protocols.includes(MESSAGE_PROTOCOL) ? MESSAGE_PROTOCOL : first };
  }

  #adopt(relay: RelayConnection, channel: Channel): (event: ChannelEvent) => void {
    const { peerAddress: peer, resource } = channel;
    const held = RelayConnection.acquire(this.#relayUrl, relay.identity, this.#options);
    const accepted = ChannelSocket.accepted({ url: this.#urlOf(peer, resource), peer, resource }, held, channel);
    const socket = this.#keep(accepted);
    if (channel.protocol === MESSAGE_PROTOCOL) this.#receiveMessages(socket);
    else this.dispatchEvent(new ConnectionEvent(socket, channel.protocols));
    return (event) => accepted.receive(event);
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
      if (typeof data !== 'string') this.dispatchEvent(new PeerMessageEvent(socket.peer, data));
      else {
        try {
          this.dispatchEvent(new PeerMessageEvent(socket.peer, JSON.parse(data)));
        } catch {
          socket.close(3003, 'not JSON');
        }
      }
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
        (event) =>
          reject(
            new SwsError((event as Event & { code: string }).code, (event as Event & { message: string }).message),
          ),
        { once: true },
      );
      socket.addEventListener('close', () => {
        this.#outgoing.delete(peer);
        reject(new SwsError('invalid-state', 'the channel closed before it was open'));
      });
    });
    opening.catch(() => {});
    this.#outgoing.set(peer, opening);
    return opening;
  }

  #connectionState(state: RelayState): void {
    const failure = 'failure' in state ? state.failure : null;
    this.#setState(
      state.name,
      failure,
      state.name === 'reconnecting' ? Math.max(0, state.retryAtMs - Date.now()) : null,
    );
  }

  #setState(state: EndpointState, failure: EndpointFailure | null, retryInMs: number | null): void {
    if (this.#state === 'closed') return;
    this.#state = state;
    this.dispatchEvent(new StateEvent(state, failure, retryInMs));
  }
}
