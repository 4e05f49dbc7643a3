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
/** A connection that has not sent a whole request by then is cut, TLS handshake included. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Which connections are accepted, and how many at once. Lower the bounds on a small machine; raise them for a big one. */
export interface ConnectionLimitsOptions {
  /**
   * What other processes of the same relay have accepted. Set it where several serve one port: the bounds hold for all
   * together. @defaultValue none
   */
  readonly elsewhere?: ElsewhereLimits;
  /** Connections in all, registered or not. @defaultValue as many as the process can have */
  readonly maxConnections?: number;
  /** Connections of one address (IPv6: one /64). Raise it where many users share an address. @defaultValue 1,000 */
  readonly maxConnectionsPerAddress?: number;
  /** Connections that have not registered yet, in all. Raise it if many clients return at once. @defaultValue 1,000 */
  readonly maxPending?: number;
  /** The same of one address (IPv6: one /64). @defaultValue 100 */
  readonly maxPendingPerAddress?: number;
  /**
   * Proxies whose `X-Forwarded-For` is believed: addresses and ranges, such as `10.0.0.0/8`. Set it behind a proxy: every
   * client would otherwise have the proxy's address. @defaultValue none
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Origins whose pages may connect. Set it to keep other sites' pages out; programs, which send no origin, may always
   * connect. @defaultValue any: a client proves its key, and there are no cookies to steal
   */
  readonly origins?: readonly string[] | ((origin: string) => boolean);
}

/** The bounds that can be changed while it runs. What is absent has its default again. */
export type ConnectionBounds = Pick<
  ConnectionLimitsOptions,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxPending' | 'maxPendingPerAddress'
>;

/** What an upgrade request says that the limits look at. */
export interface UpgradeInfo {
  readonly origin: string | undefined;
  /** `Sec-WebSocket-Protocol`. */
  readonly protocols: string | null | undefined;
  /** `X-Forwarded-For`. */
  readonly forwardedFor: string | undefined;
  /** Of the TCP connection. */
  readonly address: string;
}

/** The slot of a connection that was let in: small, because each connection has one for as long as it lasts. */
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

  /** It no longer counts as pending. */
  registered(): void {
    if (this.#state !== 'pending') return;
    this.#state = 'registered';
    this.#connectionLimits.registered(this.#network);
  }

  /** The connection is gone. */
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

/** What stands before registration: Origin, subprotocol, and bounds in all and by address (IPv6 by /64). */
export class ConnectionLimits {
  readonly proxies: TrustedProxies;
  readonly #counters: ServerCounters;
  readonly #origins: ConnectionLimitsOptions['origins'];
  readonly #all: AddressLimiter;
  readonly #pending: AddressLimiter;

  /** @throws RangeError for an entry of `trustedProxies` that is none */
  constructor(options: ConnectionLimitsOptions, counters: ServerCounters) {
    this.proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#counters = counters;
    this.#origins = options.origins;
    const { elsewhere } = options;
    this.#all = new AddressLimiter(boundsOfAll(options), elsewhere?.connections);
    this.#pending = new AddressLimiter(boundsOfPending(options), elsewhere?.pending);
  }

  /** Nobody who is in is sent away. */
  setBounds(bounds: ConnectionBounds): void {
    this.#all.setBounds(boundsOfAll(bounds));
    this.#pending.setBounds(boundsOfPending(bounds));
  }

  /** Connections that were let in and have not left. */
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

/** Of those who have not registered. */
export function boundsOfPending({ maxPending = 1_000, maxPendingPerAddress = 100 }: ConnectionBounds): Bounds {
  return [maxPending, maxPendingPerAddress];
}

/** How many connections are of one network; shared by them all. */
export interface Network {
  readonly name: string;
  size: number;
}

/** How many there are in other processes, in all and by network, as they say it. */
export class ElsewhereCount {
  /** Told how many there are here of a network, when that changes. */
  onchange: ((network: string, size: number) => void) | null = null;
  readonly #byName = new Map<string, number>();
  #size = 0;

  /** How many there are elsewhere, in all. */
  get size(): number {
    return this.#size;
  }
  /** How many of one network are elsewhere. */
  of(network: string): number {
    return this.#byName.get(network) ?? 0;
  }

  /** So many more, or fewer, of this network are elsewhere. */
  add(network: string, count: number): void {
    const size = this.of(network) + count;
    if (size === 0) this.#byName.delete(network);
    else this.#byName.set(network, size);
    this.#size += count;
  }
}

/** What other processes have, for each kind of bound. */
export interface ElsewhereLimits {
  /** Connections that were let in. */
  readonly connections: ElsewhereCount;
  /** Those of them that have not registered. */
  readonly pending: ElsewhereCount;
  /** Connections without a whole request. */
  readonly requests: ElsewhereCount;
}

/** How many there are, in all and by network: both bounded. */
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

  /** Which bound forbids one more. */
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
