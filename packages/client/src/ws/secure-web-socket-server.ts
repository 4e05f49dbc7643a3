import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChannelRequest } from '@sws/protocol';
import { warn } from '#platform';
import { type Acceptance, type ConnectionEvent, Endpoint, type StateEvent } from '../endpoint.js';
import type { ClientOptions } from '../options.js';
import { channelSocketOf } from '../secure-web-socket.js';
import { SwsError } from '../sws-error.js';
import { upgradeRequest } from './upgrade-request.js';
import { WsPeerSocket } from './ws-peer-socket.js';

/** The first argument of `verifyClient`. */
export interface ClientInfo {
  /** Always empty: a peer has no origin. The peer's proven address is `req.socket.remoteAddress`. */
  readonly origin: string;
  /** Always true. */
  readonly secure: boolean;
  /** An upgrade request like that of a `ws` client: path, subprotocols, and the peer's address in `socket`. */
  readonly req: IncomingMessage;
}

/** Callback for a later answer of `verifyClient`. `code` and `message` are ignored: a peer is told `refused`. */
export type VerifyAnswer = (ok: boolean, code?: number, message?: string) => void;

/** Options of `SecureWebSocketServer`, beside those of every connection. They can be changed while it runs. */
export interface SecureWebSocketServerOptions extends ClientOptions {
  /** The URL of the relay at which peers reach this server. */
  readonly relay: string | URL;
  /** Takes only requests for this path. Set it for several servers of one identity. @defaultValue every path */
  path?: string;
  /**
   * Chooses the subprotocol. Set it if you do not want the first offered one. `false` chooses none: a standard client
   * that offered some then fails. It must be free of side effects. @defaultValue the first offered one
   */
  handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false;
  /**
   * Decides who may connect. Return a truthy value, or a promise of one, to accept. A function with two parameters
   * calls `answer` instead. The client waits up to 45 s. It must be free of side effects. @defaultValue accepts
   * everyone
   */
  verifyClient?: (info: ClientInfo, answer: VerifyAnswer) => unknown;
  /**
   * Says whether a client is known, by its address, like `EndpointOptions.isKnown`. @defaultValue no client is known
   */
  isKnown?: (peer: string) => boolean;
  /** Whether to keep `clients`. Turn it off if you keep your own list. @defaultValue true */
  clientTracking?: boolean;
}

interface Events {
  connection: [socket: WsPeerSocket, request: IncomingMessage];
  listening: [];
  close: [];
  error: [error: Error];
}

/**
 * An endpoint with the interface of `ws`'s `WebSocketServer`. It makes a server library for `ws` reachable by a key,
 * end to end encrypted, without an open port. `listening` fires at the first registration; `error` when the relay
 * refuses for good.
 * @example
 * const server = new SecureWebSocketServer({ relay: 'wss://relay.example' });
 * server.on('connection', (socket, request) => {
 *   socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
 * });
 */
export class SecureWebSocketServer extends EventEmitter<Events> {
  /** The options, which can be changed while it runs. The type omits `WebSocket`, which is another class with `ws`. */
  readonly options: Omit<SecureWebSocketServerOptions, 'WebSocket'>;
  /** The connected clients; `undefined` without `clientTracking`, as with `ws`. */
  declare readonly clients: Set<WsPeerSocket>;
  /** The server's endpoint, for members that `ws` lacks: `state`, `address`, `takeOver`. */
  readonly endpoint: Endpoint;
  readonly #open = new Set<WsPeerSocket>();
  readonly #host: string;
  #state: 'running' | 'closing' | 'ending' | 'closed' = 'running';
  #listening = false;

  /**
   * Connects at once. `onListening` is added as a listener of `listening`. @throws DOMException SyntaxError unless
   * `relay` is a `ws:`, `wss:`, `http:` or `https:` URL without a fragment
   */
  constructor(options: SecureWebSocketServerOptions, onListening?: () => void) {
    super();
    this.options = options;
    if (options.clientTracking !== false) this.clients = new Set();
    if (onListening !== undefined) this.once('listening', onListening);
    this.endpoint = new Endpoint(options.relay, {
      ...options,
      accept: (request) => this.#accept(request),
      isKnown: (peer) => this.options.isKnown?.(peer) ?? false,
    });
    this.#host = new URL(this.endpoint.url).host;
    this.endpoint.addEventListener('connection', (event: ConnectionEvent) => this.#connected(event));
    this.endpoint.addEventListener('state', (event: StateEvent) => this.#stateChanged(event));
  }

  /** The URL of this server: `wss://relay/<its key>`; `null` until the identity is loaded. */
  get url(): string | null {
    return this.endpoint.address === null ? null : `${this.endpoint.url}${this.endpoint.address}`;
  }

  /** The server's key as `address`, and the relay's port; `null` until listening, and once closed. */
  address(): AddressInfo | null {
    const { address } = this.endpoint;
    if (address === null || !this.#listening || this.#state === 'closed') return null;
    const { port, protocol } = new URL(this.endpoint.url);
    return { address, family: 'SWS', port: port === '' ? (protocol === 'wss:' ? 443 : 80) : Number(port) };
  }

  /** The path that requests must have; empty for any path. */
  get path(): string {
    return this.options.path ?? '';
  }

  /** Not supported: peers come through the relay. It exists because `ws` has it. @throws SwsError `unsupported` */
  handleUpgrade(
    _request: IncomingMessage,
    _socket: unknown,
    _head: Buffer,
    _callback: (...given: never[]) => void,
  ): never {
    throw new SwsError('unsupported', 'peers come through the relay: there are no HTTP requests to upgrade');
  }

  /** Whether a request is for this server's `path`. */
  shouldHandle(request: IncomingMessage): boolean {
    const { path } = this.options;
    return path === undefined || request.url?.split('?')[0] === path;
  }

  /**
   * Accepts no more connections. Open ones stay open, as with `ws`. When the last has closed, `close` fires and
   * `callback` is called.
   */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === 'closed') {
      if (callback !== undefined) this.once('close', () => callback(new Error('The server is not running')));
      process.nextTick(() => this.emit('close'));
      return;
    }
    if (callback !== undefined) this.once('close', callback);
    if (this.#state !== 'running') return;
    this.#state = 'closing';
    this.#closeWhenEmpty();
  }

  #request(request: ChannelRequest): IncomingMessage {
    return upgradeRequest(request, this.#host);
  }

  #accept(asked: ChannelRequest): Acceptance | Promise<Acceptance> {
    if (this.#state !== 'running') return false;
    const request = this.#request(asked);
    if (!this.shouldHandle(request)) return false;
    const verified = this.#verify(request);
    const choose = (ok: unknown): Acceptance => Boolean(ok) && this.#choose(asked.protocols, request);
    return verified instanceof Promise ? verified.then(choose) : choose(verified);
  }

  #verify(request: IncomingMessage): unknown {
    const { verifyClient } = this.options;
    if (verifyClient === undefined) return true;
    const info = { origin: '', secure: true, req: request };
    if (verifyClient.length < 2) return verifyClient(info, () => {});
    return new Promise<boolean>((resolve) => verifyClient(info, resolve));
  }

  #choose(offered: readonly string[], request: IncomingMessage): Acceptance {
    const { handleProtocols } = this.options;
    const [first = ''] = offered;
    if (offered.length === 0 || handleProtocols === undefined) return { protocol: first };
    return { protocol: handleProtocols(new Set(offered), request) || '' };
  }

  #connected({ socket: made, protocols, channelId }: ConnectionEvent): void {
    const { peer, resource } = made;
    const request = this.#request({ peer, resource, protocols, channelId });
    const socket = new WsPeerSocket(channelSocketOf(made), request.socket);
    this.#open.add(socket);
    this.clients?.add(socket);
    socket.on('close', () => {
      this.#open.delete(socket);
      this.clients?.delete(socket);
      this.#closeWhenEmpty();
    });
    this.emit('connection', socket, request);
  }

  #stateChanged({ state, failure }: StateEvent): void {
    // `ws` has no event for a relay that is not yet reachable.
    if (failure !== null) warn(failure);
    if (state === 'registered' && !this.#listening) {
      this.#listening = true;
      this.emit('listening');
    } else if (state === 'down' && this.#state === 'running')
      this.emit('error', new SwsError(failure?.code ?? 'connection-lost', failure?.detail ?? 'the endpoint is down'));
  }

  #closeWhenEmpty(): void {
    if (this.#state !== 'closing' || this.#open.size > 0) return;
    this.#state = 'ending';
    void this.endpoint.close().then(() => {
      this.#state = 'closed';
      this.emit('close');
    });
  }
}
