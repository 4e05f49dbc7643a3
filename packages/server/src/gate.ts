import type { RefusalReason, ServerCounters } from './counters.js';
import { networkOf, TrustedProxies } from './remote-address.js';

/** The WebSocket subprotocol between client and relay (PROTOCOL §2). */
export const SUBPROTOCOL = 'sws.v1';
export const STATUS_TEXT = { 400: 'Bad Request', 403: 'Forbidden', 503: 'Service Unavailable' } as const;
/** A connection that has not sent a whole request by then is cut, TLS handshake included. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Who may come in, and how many at once. */
export interface GateOptions {
  /** Connections in all, registered ones included. @defaultValue no limit but the process's */
  readonly maxConnections?: number;
  /** Connections that have not registered, in all. @defaultValue 1,000 */
  readonly maxPending?: number;
  /** The same per remote address (IPv6: per /64). @defaultValue 100 */
  readonly maxPendingPerAddress?: number;
  /** Proxies whose `X-Forwarded-For` counts: addresses and ranges, such as `10.0.0.0/8`. @defaultValue none */
  readonly trustedProxies?: readonly string[];
  /** Origins that pages may connect from; who sends none is no page. @defaultValue any: a registration is proven by key, not by cookie */
  readonly origins?: readonly string[] | ((origin: string) => boolean);
}

/** What an upgrade request says that the gate looks at. */
export interface Visitor {
  readonly origin: string | undefined;
  /** `Sec-WebSocket-Protocol`. */
  readonly protocols: string | undefined;
  /** `X-Forwarded-For`. */
  readonly forwardedFor: string | undefined;
  /** Of the TCP connection. */
  readonly address: string;
}

/** A place of someone who was let in. */
export interface Place {
  readonly remoteAddress: string;
  /** It no longer counts as pending. */
  readonly registered: () => void;
  /** The connection is gone. For a registered one `gate.left` does as well. */
  readonly left: () => void;
}

export type Entry =
  | { readonly ok: true; readonly place: Place }
  | { readonly ok: false; readonly status: 400 | 403 | 503; readonly reason: RefusalReason };

/** What stands before registration: Origin, subprotocol, and bounds in all and by address (IPv6 by /64). */
export class Gate {
  readonly proxies: TrustedProxies;
  readonly #counters: ServerCounters;
  readonly #maxConnections: number;
  readonly #origins: GateOptions['origins'];
  readonly #pending: Crowd;
  #connections = 0;

  /** @throws RangeError for an entry of `trustedProxies` that is none */
  constructor(options: GateOptions, counters: ServerCounters) {
    const { maxConnections = Number.POSITIVE_INFINITY, trustedProxies = [], origins } = options;
    this.proxies = new TrustedProxies(trustedProxies);
    this.#counters = counters;
    this.#maxConnections = maxConnections;
    this.#origins = origins;
    this.#pending = new Crowd(options);
  }

  /** Connections that were let in and have not left. */
  get connections(): number {
    return this.#connections;
  }

  enter(visitor: Visitor): Entry {
    const { origin, protocols = '', forwardedFor, address } = visitor;
    if (origin !== undefined && !this.#allows(origin)) return this.#refuse(403, 'origin');
    if (!protocols.split(',').some((name) => name.trim() === SUBPROTOCOL)) return this.#refuse(400, 'subprotocol');
    if (this.#connections >= this.#maxConnections) return this.#refuse(503, 'too-many-connections');
    const remoteAddress = this.proxies.clientOf(address, forwardedFor);
    const network = networkOf(remoteAddress);
    const full = this.#pending.enter(network);
    if (full !== null) return this.#refuse(503, full);
    this.#connections++;
    let pending = true;
    const registered = (): void => {
      if (pending) this.#pending.leave(network);
      pending = false;
    };
    const left = (): void => {
      registered();
      this.left();
    };
    return { ok: true, place: { remoteAddress, registered, left } };
  }

  /** A registered connection is gone. One function for all: a registered connection costs no memory here. */
  readonly left = (): void => {
    this.#connections--;
  };

  #allows(origin: string): boolean {
    const origins = this.#origins;
    return origins === undefined || (typeof origins === 'function' ? origins(origin) : origins.includes(origin));
  }

  #refuse(status: 400 | 403 | 503, reason: RefusalReason): Entry {
    this.#counters.refuse(reason);
    return { ok: false, status, reason };
  }
}

/** How many there are, in all and by network: both bounded. */
export class Crowd {
  readonly #max: number;
  readonly #maxPerNetwork: number;
  readonly #byNetwork = new Map<string, number>();
  #size = 0;

  constructor({ maxPending = 1_000, maxPendingPerAddress = 100 }: GateOptions) {
    this.#max = maxPending;
    this.#maxPerNetwork = maxPendingPerAddress;
  }

  /** Counts one more, or says which bound forbids it. */
  enter(network: string): 'too-many-pending' | 'too-many-pending-from-address' | null {
    const own = this.#byNetwork.get(network) ?? 0;
    if (this.#size >= this.#max) return 'too-many-pending';
    if (own >= this.#maxPerNetwork) return 'too-many-pending-from-address';
    this.#size++;
    this.#byNetwork.set(network, own + 1);
    return null;
  }

  leave(network: string): void {
    this.#size--;
    const rest = (this.#byNetwork.get(network) ?? 1) - 1;
    if (rest > 0) this.#byNetwork.set(network, rest);
    else this.#byNetwork.delete(network);
  }
}
