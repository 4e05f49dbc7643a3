import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import {
  AddressLimiter,
  boundsOfPending,
  type ConnectionBounds,
  type ConnectionLimitsOptions,
  HANDSHAKE_TIMEOUT_MS,
  PENDING_REASONS,
} from './connection-limits.js';
import type { ServerCounters } from './counters.js';
import { networkOf, type TrustedProxies } from './remote-address.js';

interface Handshake {
  readonly socket: Socket;
  /** The result of `#networkOf`. */
  readonly network: string | null;
  readonly deadline: number;
  /** Requests whose answer is not complete. */
  readonly unanswered: number;
  /** For an upgrade that another listener must answer: the bytes written to `socket` before. Otherwise `null`. */
  readonly leftAtBytes: number | null;
  readonly closed: () => void;
}

export interface PreRequestLimitsOptions extends ConnectionLimitsOptions {
  readonly handshakeTimeoutMs?: number;
  readonly exclusive?: boolean;
}

/**
 * Limits the number and duration of connections before their upgrade, including the TLS handshake. Node's own limits
 * are a minute or more, and a client that sends a byte a second would keep its slot for that long. With `exclusive` the
 * limits hold for every request and answer before the upgrade, otherwise only for the first request.
 */
export class PreRequestLimits {
  readonly #server: HttpServer | HttpsServer;
  readonly #counters: ServerCounters;
  readonly #timeoutMs: number;
  readonly #exclusive: boolean;
  readonly #limiter: AddressLimiter;
  readonly #proxies: TrustedProxies;
  /** By remote address and port, because a TLS socket does not tell its TCP socket. The next to expire is first. */
  readonly #open = new Map<string, Handshake>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #watching = true;

  constructor(
    server: HttpServer | HttpsServer,
    options: PreRequestLimitsOptions,
    proxies: TrustedProxies,
    counters: ServerCounters,
  ) {
    this.#server = server;
    this.#counters = counters;
    this.#timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#exclusive = options.exclusive === true;
    this.#limiter = new AddressLimiter(boundsOfPending(options), options.elsewhere?.requests);
    this.#proxies = proxies;
    server.on('connection', this.#connected);
  }

  setBounds(bounds: ConnectionBounds): void {
    this.#limiter.setBounds(boundsOfPending(bounds));
  }

  /** Stops watching. */
  close(): void {
    this.#server.off('connection', this.#connected);
    this.#watching = false;
    for (const name of [...this.#open.keys()]) this.#done(name);
  }

  readonly #connected = (socket: Socket): void => {
    const network = this.#networkOf(socket);
    const full = network === null ? null : this.#full(network);
    if (full !== null) {
      this.#counters.refuse(PENDING_REASONS[full]);
      socket.destroy();
      return;
    }
    this.#watch(socket, network, null);
  };

  /** The network for which a connection counts; `null` for a trusted proxy, which carries many clients. */
  #networkOf({ remoteAddress = '' }: Socket): string | null {
    const address = this.#proxies.clientOf(remoteAddress, undefined);
    return this.#proxies.has(address) ? null : networkOf(address);
  }

  /** The bound that forbids one more, not counting upgrades that other listeners have answered by now. */
  #full(network: string): 'all' | 'network' | null {
    const full = this.#limiter.full(network);
    if (full === null) return null;
    for (const [name, handshake] of this.#open) if (isAnswered(handshake)) this.#done(name);
    return this.#limiter.full(network);
  }

  #watch(socket: Socket, network: string | null, leftAtBytes: number | null): void {
    const name = nameOf(socket);
    const closed = (): void => this.#done(name);
    socket.once('close', closed);
    this.#done(name); // the kernel may reuse a port before the 'close' of its last socket is emitted
    if (network !== null) this.#limiter.enter(network);
    this.#open.set(name, { socket, network, deadline: this.#newDeadline(), unanswered: 0, leftAtBytes, closed });
    this.#arm();
  }

  /** Called when the caller answers an upgrade. */
  upgraded({ socket }: IncomingMessage): void {
    this.#done(nameOf(socket));
  }

  /** Called when an upgrade is left to other listeners. It counts until one of them has written an answer. */
  left({ socket }: IncomingMessage): void {
    if (!this.#watching) return;
    this.#watch(socket, this.#networkOf(socket), socket.bytesWritten);
  }

  /** Called when an ordinary request has arrived. */
  requested({ socket }: IncomingMessage, response: ServerResponse): void {
    const name = nameOf(socket);
    if (!this.#exclusive) return this.#done(name);
    this.#exchange(name, 1);
    response.once('finish', () => this.#exchange(name, -1));
  }

  /** A request arrived (1), or the kernel has its answer (-1). Node reads no more requests while an answer waits. */
  #exchange(name: string, requests: 1 | -1): void {
    const handshake = this.#open.get(name);
    if (handshake === undefined) return;
    this.#open.delete(name);
    const unanswered = handshake.unanswered + requests;
    this.#open.set(name, { ...handshake, unanswered, deadline: this.#newDeadline() });
  }

  #newDeadline(): number {
    return performance.now() + this.#timeoutMs;
  }

  #done(name: string): void {
    const handshake = this.#open.get(name);
    if (handshake === undefined) return;
    this.#open.delete(name);
    handshake.socket.off('close', handshake.closed);
    if (handshake.network !== null) this.#limiter.leave(handshake.network);
  }

  #arm(): void {
    const [oldest] = this.#open.values();
    if (this.#timer !== null || oldest === undefined) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, oldest.deadline - performance.now()));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = null;
    const now = performance.now();
    for (const [name, handshake] of this.#open) {
      const { socket, deadline, unanswered, leftAtBytes } = handshake;
      if (deadline > now) break;
      this.#done(name);
      if (isAnswered(handshake)) continue;
      if (leftAtBytes !== null) this.#counters.refuse('unanswered-upgrade');
      else this.#counters.refuse(unanswered > 0 ? 'slow-reader' : 'slow-handshake');
      socket.destroy();
    }
    this.#arm();
  }
}

/** Whether another listener has answered this upgrade. */
function isAnswered({ socket, leftAtBytes }: Handshake): boolean {
  return leftAtBytes !== null && socket.bytesWritten > leftAtBytes;
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
