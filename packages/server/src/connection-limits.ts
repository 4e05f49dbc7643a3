import type { RefusalReason, ServerCounters } from './counters.js';
import { networkOf, TrustedProxies } from './remote-address.js';

/** The WebSocket subprotocol between client and relay (PROTOCOL §2). */
export const SUBPROTOCOL = 'sws.v1';
export const STATUS_TEXT = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
} as const;
export type RefusalStatus = keyof typeof STATUS_TEXT;
/** How long a connection may take for its TLS handshake and a whole request before it is cut. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Which connections are accepted, and how many at once. Lower the bounds on a small machine; raise them for a big one.
 */
export interface ConnectionLimitsOptions {
  /**
   * What other processes of the same relay have accepted. Set it if several processes serve one port: the bounds then
   * hold for all of them together. @defaultValue none
   */
  readonly elsewhere?: ElsewhereLimits;
  /** The most connections, registered or not. @defaultValue as many as the process can have */
  readonly maxConnections?: number;
  /** The most connections per address (IPv6: per /64). Raise it if many users share an address. @defaultValue 1,000 */
  readonly maxConnectionsPerAddress?: number;
  /** The most connections that have not registered yet. Raise it if many clients return at once. @defaultValue 1,000 */
  readonly maxPending?: number;
  /** The most unregistered connections per address (IPv6: per /64). @defaultValue 100 */
  readonly maxPendingPerAddress?: number;
  /**
   * Proxies whose `X-Forwarded-For` is believed: addresses and ranges, such as `10.0.0.0/8`. Set it behind a proxy.
   * Otherwise every client has the proxy's address. @defaultValue none
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Origins whose pages may connect. Set it to refuse other sites' pages. Programs send no origin and may always
   * connect. @defaultValue any: a client proves its key, and there are no cookies to steal
   */
  readonly origins?: readonly string[] | ((origin: string) => boolean);
}

/** The bounds that can be changed while the server runs. An absent bound returns to its default. */
export type ConnectionBounds = Pick<
  ConnectionLimitsOptions,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxPending' | 'maxPendingPerAddress'
>;

/** The fields of an upgrade request that the limits read. */
export interface UpgradeInfo {
  readonly origin: string | undefined;
  /** `Sec-WebSocket-Protocol`. */
  readonly protocols: string | null | undefined;
  /** `X-Forwarded-For`. */
  readonly forwardedFor: string | undefined;
  /** The remote address of the TCP connection. */
  readonly address: string;
}

/** The slot of an accepted connection. It is small, because each connection keeps one until it ends. */
export class Slot {
  readonly remoteAddress: string;
  readonly #connectionLimits: ConnectionLimits;
  readonly #network: Network;
  #state: 'pending' | 'registered' | 'left' = 'pending';

  constructor(connectionLimits: ConnectionLimits, remoteAddress: string, network: Network) {
    this.#connectionLimits = connectionLimits;
    this.remoteAddress = remoteAddress;
    this.#network = network;
  }

  /** The connection has registered and no longer counts as pending. */
  registered(): void {
    if (this.#state !== 'pending') return;
    this.#state = 'registered';
    this.#connectionLimits.registered(this.#network);
  }

  /** The connection has ended. */
  left(): void {
    this.registered();
    if (this.#state === 'left') return;
    this.#state = 'left';
    this.#connectionLimits.left(this.#network);
  }
}

export type Entry =
  | { readonly ok: true; readonly slot: Slot }
  | { readonly ok: false; readonly status: RefusalStatus; readonly reason: RefusalReason };

/** The checks before registration: origin, subprotocol, and bounds in total and per address (IPv6: per /64). */
export class ConnectionLimits {
  readonly proxies: TrustedProxies;
  readonly #counters: ServerCounters;
  readonly #origins: ConnectionLimitsOptions['origins'];
  readonly #all: AddressLimiter;
  readonly #pending: AddressLimiter;

  /** @throws RangeError for an entry of `trustedProxies` that is neither an address nor a range */
  constructor(options: ConnectionLimitsOptions, counters: ServerCounters) {
    this.proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#counters = counters;
    this.#origins = options.origins;
    const { elsewhere } = options;
    this.#all = new AddressLimiter(boundsOfAll(options), elsewhere?.connections);
    this.#pending = new AddressLimiter(boundsOfPending(options), elsewhere?.pending);
  }

  /** Changes the bounds. Open connections stay open. */
  setBounds(bounds: ConnectionBounds): void {
    this.#all.setBounds(boundsOfAll(bounds));
    this.#pending.setBounds(boundsOfPending(bounds));
  }

  /** Accepted connections that have not ended. */
  get connections(): number {
    return this.#all.size;
  }

  enter(info: UpgradeInfo): Entry {
    const { origin, protocols, forwardedFor, address } = info;
    if (origin !== undefined && !this.#allows(origin)) return this.refuse(403, 'origin');
    if (!offersSubprotocol(protocols)) return this.refuse(400, 'subprotocol');
    const remoteAddress = this.proxies.clientOf(address, forwardedFor);
    const network = networkOf(remoteAddress);
    const full = this.#all.full(network);
    if (full !== null)
      return this.refuse(503, full === 'all' ? 'too-many-connections' : 'too-many-connections-from-address');
    const pendingFull = this.#pending.full(network);
    if (pendingFull !== null) return this.refuse(503, PENDING_REASONS[pendingFull]);
    this.#pending.enter(network);
    return { ok: true, slot: new Slot(this, remoteAddress, this.#all.enter(network)) };
  }

  registered({ name }: Network): void {
    this.#pending.leave(name);
  }
  left({ name }: Network): void {
    this.#all.leave(name);
  }

  #allows(origin: string): boolean {
    const origins = this.#origins;
    return origins === undefined || (typeof origins === 'function' ? origins(origin) : origins.includes(origin));
  }

  refuse(status: RefusalStatus, reason: RefusalReason): Extract<Entry, { readonly ok: false }> {
    this.#counters.refuse(reason);
    return { ok: false, status, reason };
  }
}

/** Whether a `Sec-WebSocket-Protocol` offers `sws.v1`. */
export function offersSubprotocol(protocols: UpgradeInfo['protocols']): boolean {
  return protocols?.split(',').some((name) => name.trim() === SUBPROTOCOL) === true;
}

export const PENDING_REASONS = { all: 'too-many-pending', network: 'too-many-pending-from-address' } as const;

export type Bounds = readonly [max: number, maxPerNetwork: number];

function boundsOfAll(bounds: ConnectionBounds): Bounds {
  const { maxConnections = Number.POSITIVE_INFINITY, maxConnectionsPerAddress = 1_000 } = bounds;
  return [maxConnections, maxConnectionsPerAddress];
}

/** The bounds of unregistered connections. */
export function boundsOfPending({ maxPending = 1_000, maxPendingPerAddress = 100 }: ConnectionBounds): Bounds {
  return [maxPending, maxPendingPerAddress];
}

/** The number of connections of one network. They all share this object. */
export interface Network {
  readonly name: string;
  size: number;
}

/** How many connections other processes have, in total and per network, as they report it. */
export class ElsewhereCount {
  /** Called with this process's number of connections of a network when it changes. */
  onchange: ((network: string, size: number) => void) | null = null;
  readonly #byName = new Map<string, number>();
  #size = 0;

  /** How many connections other processes have in total. */
  get size(): number {
    return this.#size;
  }
  /** How many connections of one network other processes have. */
  of(network: string): number {
    return this.#byName.get(network) ?? 0;
  }

  /** Adds `count` connections of this network in other processes. A negative count subtracts. */
  add(network: string, count: number): void {
    const size = this.of(network) + count;
    if (size === 0) this.#byName.delete(network);
    else this.#byName.set(network, size);
    this.#size += count;
  }
}

/** The counts of other processes, for each kind of bound. */
export interface ElsewhereLimits {
  /** Accepted connections. */
  readonly connections: ElsewhereCount;
  /** Accepted connections that have not registered. */
  readonly pending: ElsewhereCount;
  /** Connections that have not sent a whole request. */
  readonly requests: ElsewhereCount;
}

/** Counts connections, in total and per network, and bounds both. */
export class AddressLimiter {
  #max: number;
  #maxPerNetwork: number;
  readonly #elsewhere: ElsewhereCount;
  readonly #byName = new Map<string, Network>();
  #size = 0;

  constructor([max, maxPerNetwork]: Bounds, elsewhere: ElsewhereCount = new ElsewhereCount()) {
    this.#max = max;
    this.#maxPerNetwork = maxPerNetwork;
    this.#elsewhere = elsewhere;
  }

  setBounds([max, maxPerNetwork]: Bounds): void {
    this.#max = max;
    this.#maxPerNetwork = maxPerNetwork;
  }

  get size(): number {
    return this.#size;
  }

  /** The bound that forbids one more connection, or `null`. */
  full(network: string): 'all' | 'network' | null {
    if (this.#size + this.#elsewhere.size >= this.#max) return 'all';
    const ofNetwork = (this.#byName.get(network)?.size ?? 0) + this.#elsewhere.of(network);
    return ofNetwork >= this.#maxPerNetwork ? 'network' : null;
  }

  enter(name: string): Network {
    let network = this.#byName.get(name);
    if (network === undefined) {
      network = { name, size: 0 };
      this.#byName.set(name, network);
    }
    network.size++;
    this.#size++;
    this.#elsewhere.onchange?.(name, network.size);
    return network;
  }

  leave(name: string): void {
    const network = this.#byName.get(name);
    if (network === undefined) return;
    this.#size--;
    network.size--;
    if (network.size === 0) this.#byName.delete(name);
    this.#elsewhere.onchange?.(name, network.size);
  }
}
