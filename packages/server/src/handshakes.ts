import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { ServerCounters } from './counters.js';
import { Crowd, type GateOptions, HANDSHAKE_TIMEOUT_MS } from './gate.js';
import { networkOf, type TrustedProxies } from './remote-address.js';

interface Handshake {
  readonly socket: Socket;
  /** Whom it counts for; `null` for a trusted proxy, whose connections are many people's. */
  readonly network: string | null;
  readonly deadline: number;
  readonly closed: () => void;
}

/**
 * Bounds what comes before a first whole HTTP request, TLS handshake included, in number and in time: Node's own limits
 * are a minute and more, and a client that sends a byte a second would hold a place all that while.
 */
export class Handshakes {
  readonly #server: HttpServer | HttpsServer;
  readonly #counters: ServerCounters;
  readonly #timeoutMs: number;
  readonly #crowd: Crowd;
  readonly #proxies: TrustedProxies;
  /** By remote address and port (a TLS socket does not tell which TCP socket it runs on); oldest first. */
  readonly #open = new Map<string, Handshake>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    server: HttpServer | HttpsServer,
    options: GateOptions & { readonly handshakeTimeoutMs?: number },
    proxies: TrustedProxies,
    counters: ServerCounters,
  ) {
    this.#server = server;
    this.#counters = counters;
    this.#timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#crowd = new Crowd(options);
    this.#proxies = proxies;
    server.on('connection', this.#connected);
    server.on('request', this.#requested);
    server.on('upgrade', this.#requested);
  }

  /** Stops watching. */
  close(): void {
    this.#server.off('connection', this.#connected);
    this.#server.off('request', this.#requested);
    this.#server.off('upgrade', this.#requested);
    for (const name of [...this.#open.keys()]) this.#done(name);
  }

  readonly #connected = (socket: Socket): void => {
    const address = this.#proxies.clientOf(socket.remoteAddress ?? '', undefined);
    const network = this.#proxies.has(address) ? null : networkOf(address);
    const full = network === null ? null : this.#crowd.enter(network);
    if (full !== null) {
      this.#counters.refuse(full);
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    const closed = (): void => this.#done(name);
    socket.once('close', closed);
    this.#done(name); // a port that the kernel has given out again before its 'close' was told
    this.#open.set(name, { socket, network, deadline: Date.now() + this.#timeoutMs, closed });
    this.#arm();
  };

  readonly #requested = (request: IncomingMessage): void => this.#done(nameOf(request.socket));

  #done(name: string): void {
    const handshake = this.#open.get(name);
    if (handshake === undefined) return;
    this.#open.delete(name);
    handshake.socket.off('close', handshake.closed);
    if (handshake.network !== null) this.#crowd.leave(handshake.network);
  }

  #arm(): void {
    const [oldest] = this.#open.values();
    if (this.#timer !== null || oldest === undefined) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, oldest.deadline - Date.now()));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = null;
    const now = Date.now();
    for (const [name, { socket, deadline }] of this.#open) {
      if (deadline > now) break;
      this.#done(name);
      this.#counters.refuse('slow-handshake');
      socket.destroy();
    }
    this.#arm();
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
