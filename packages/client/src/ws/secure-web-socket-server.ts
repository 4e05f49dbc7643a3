import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SwsError } from '@sws/crypto';
import type { ChannelRequest } from '@sws/protocol';
import { type ConnectionEvent, Endpoint, type StateEvent } from '../endpoint.js';
import type { ClientOptions } from '../options.js';
import { channelSocketOf } from '../secure-web-socket.js';
import { SecureServerSocket } from './secure-server-socket.js';
import { upgradeRequest } from './upgrade-request.js';

/** What `verifyClient` is told. */
export interface ClientInfo {
  /** Always empty: there is no page to name. Who asks is `req.socket.remoteAddress`, proven by key. */
  readonly origin: string;
  /** Always true. */
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** How `verifyClient` answers later. */
export type VerifyAnswer = (ok: boolean, code?: number, message?: string) => void;

/** Options of `SecureWebSocketServer`, beside those of every connection. They may be changed while it runs. */
export interface SecureWebSocketServerOptions extends ClientOptions {
  /** The relay to be reached at. */
  readonly relay: string | URL;
  /** Takes only requests for this path. @defaultValue every path */
  path?: string;
  /** Chooses the subprotocol; false for none, which a standard client that offered some takes as a failure. Must have no effects. @defaultValue the first one offered */
  handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false;
  /** Who may connect: refuses by returning nothing true. With two parameters it calls `answer` instead, also later: the client is then connected first, and closed with 1008 if refused. Must have no effects if it has one. @defaultValue everyone */
  verifyClient?: (info: ClientInfo, answer: VerifyAnswer) => unknown;
  /** Whether there is `clients`. @defaultValue true */
  clientTracking?: boolean;
}

/** "Policy violation" (RFC 6455 §7.4.1). */
const REFUSED = 1008;

interface Events {
  connection: [socket: SecureServerSocket, request: IncomingMessage];
  listening: [];
  close: [];
  error: [error: Error];
}

/**
 * An endpoint behind the interface of `ws`'s `WebSocketServer`: a server library that was written for `ws` is reached by
 * this key, end to end encrypted, with no open port. `listening` fires at the first registration; `error` when the
 * relay refuses for good.
 * @example
 * const server = new SecureWebSocketServer({ relay: 'wss://relay.example' });
 * server.on('connection', (socket, request) => {
 *   socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
 * });
 */
export class SecureWebSocketServer extends EventEmitter<Events> {
  /** May be changed while it runs. (`WebSocket` is left out of the type: with `ws` it means another class.) */
  readonly options: Omit<SecureWebSocketServerOptions, 'WebSocket'>;
  /** Those connected; not there without `clientTracking`, as with `ws`. */
  declare readonly clients: Set<SecureServerSocket>;
  readonly endpoint: Endpoint;
  readonly #open = new Set<SecureServerSocket>();
  readonly #host: string;
  #state: 'running' | 'closing' | 'ending' | 'closed' = 'running';
  #listening = false;

  /** @throws DOMException SyntaxError for a URL that can't be a relay's */
  constructor(options: SecureWebSocketServerOptions, onListening?: () => void) {
    super();
    this.options = options;
    if (options.clientTracking !== false) this.clients = new Set();
    if (onListening !== undefined) this.once('listening', onListening);
    this.endpoint = new Endpoint(options.relay, { ...options, accept: (request) => this.#accept(request) });
    this.#host = new URL(this.endpoint.url).host;
    this.endpoint.addEventListener('connection', (event: ConnectionEvent) => this.#connected(event));
    this.endpoint.addEventListener('state', (event: StateEvent) => this.#stateChanged(event));
  }

  /** Where this server is reached: `wss://relay/<its key>`; `null` until the identity is loaded. */
  get url(): string | null {
    return this.endpoint.address === null ? null : `${this.endpoint.url}${this.endpoint.address}`;
  }

  /** The key as `address`, the relay's port; `null` until listening, and once closed. */
  address(): AddressInfo | null {
    const { address } = this.endpoint;
    if (address === null || !this.#listening || this.#state === 'closed') return null;
    const { port, protocol } = new URL(this.endpoint.url);
    return { address, family: 'SWS', port: port === '' ? (protocol === 'wss:' ? 443 : 80) : Number(port) };
  }

  /** The path that requests are taken for; empty for every. */
  get path(): string {
    return this.options.path ?? '';
  }

  /** Only for the interface's sake: peers come through the relay. @throws SwsError `invalid-state` */
  handleUpgrade(
    _request: IncomingMessage,
    _socket: unknown,
    _head: Buffer,
    _callback: (...given: never[]) => void,
  ): never {
    throw new SwsError('invalid-state', 'peers come through the relay: there are no HTTP requests to upgrade');
  }

  /** Whether a request is for this server's `path`. */
  shouldHandle(request: IncomingMessage): boolean {
    const { path } = this.options;
    return path === undefined || request.url?.split('?')[0] === path;
  }

  /** Takes no more connections. Those there are stay, as with `ws`; `close` fires, and `callback` is called, when the last is gone. */
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

  #accept(asked: ChannelRequest): boolean | { readonly protocol?: string } {
    if (this.#state !== 'running') return false;
    const request = this.#request(asked);
    const { handleProtocols, verifyClient } = this.options;
    if (!this.shouldHandle(request)) return false;
    if (verifyClient !== undefined && verifyClient.length < 2) {
      if (!verifyClient({ origin: '', secure: true, req: request }, () => {})) return false;
    }
    const [first = ''] = asked.protocols;
    if (asked.protocols.length === 0 || handleProtocols === undefined) return { protocol: first };
    return { protocol: handleProtocols(new Set(asked.protocols), request) || '' };
  }

  #connected({ socket: made, protocols }: ConnectionEvent): void {
    const { peer, resource } = made;
    const request = this.#request({ peer, resource, protocols });
    const socket = new SecureServerSocket(channelSocketOf(made), request.socket);
    this.#open.add(socket);
    this.clients?.add(socket);
    socket.on('close', () => {
      this.#open.delete(socket);
      this.clients?.delete(socket);
      this.#closeWhenEmpty();
    });
    const { verifyClient } = this.options;
    if (verifyClient === undefined || verifyClient.length < 2) {
      this.emit('connection', socket, request);
      return;
    }
    socket.pause();
    verifyClient({ origin: '', secure: true, req: request }, (ok, _code, message = '') => {
      if (!ok) socket.close(REFUSED, message);
      else if (socket.readyState === socket.OPEN) this.emit('connection', socket, request);
      socket.resume();
    });
  }

  #stateChanged({ state, failure }: StateEvent): void {
    if (state === 'registered' && !this.#listening) {
      this.#listening = true;
      this.emit('listening');
    } else if (state === 'down' && this.#state === 'running')
      this.emit('error', new SwsError(failure?.code ?? 'invalid-state', failure?.detail ?? 'the endpoint is down'));
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
