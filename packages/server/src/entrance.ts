import { type CryptoProvider, Identity, SwsError } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { type AcceptOptions, accept, checkHosts } from './accept.js';
import { ServerCounters } from './counters.js';
import { type Entry, Gate, type GateOptions, type Place, type Visitor } from './gate.js';
import { DEFAULT_MAX_MESSAGE_BYTES, maxFrameBytes } from './max-message.js';
import type { ServerSecureWebSocket } from './server-secure-web-socket.js';
import type { SocketLike } from './socket-like.js';

/** What every way in takes, whichever WebSocket library it uses. `Request` is the library's upgrade request. */
export interface EntranceOptions<Request> extends Omit<AcceptOptions<Request>, 'remoteAddress'>, GateOptions {
  /** Bound to `router.attach`: takes the registered socket and sets its `onmessage`. */
  readonly onSocket: (socket: ServerSecureWebSocket) => void;
  /** Told of each connection that was not let in or did not register, for a log; `counters` has counted it. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** A connection that did not become a registered one. */
export interface Refusal {
  /** A reason of `counters.refusals`. */
  readonly reason: string;
  readonly detail: string;
  /** As the limits count it. */
  readonly remoteAddress: string;
}

/** Where clients come in. */
export interface Attached {
  readonly counters: ServerCounters;
  /** Connections that were let in, registered or not. */
  readonly connections: number;
  /** Takes no more upgrades. Registered sockets are the router's to close. */
  close(): void;
}

/** What all ways in have in common: the gate, then registration, then whoever routes. */
export class Entrance<Request> {
  readonly counters: ServerCounters;
  readonly gate: Gate;
  /** The largest WebSocket message that is read at all, in bytes. */
  readonly maxFrameBytes: number;
  readonly #options: EntranceOptions<Request>;
  #open = true;

  /** @throws RangeError for an option that is out of its range */
  constructor(options: EntranceOptions<Request>) {
    const { maxMessage = DEFAULT_MAX_MESSAGE_BYTES, counters = new ServerCounters() } = options;
    checkHosts(options.hosts);
    this.counters = counters;
    this.gate = new Gate(options, counters);
    this.maxFrameBytes = maxFrameBytes(maxMessage);
    this.#options = { ...options, identity: signingWith(options.provider ?? nodeProvider, options.identity) };
  }

  /** Connections that were let in and have not left. */
  get connections(): number {
    return this.gate.connections;
  }

  /** Lets nobody in from here on. */
  close(): void {
    this.#open = false;
  }

  enter(visitor: Visitor): Entry {
    const entry: Entry = this.#open ? this.gate.enter(visitor) : { ok: false, status: 503, reason: 'restarting' };
    if (!entry.ok) {
      const remoteAddress = this.gate.proxies.clientOf(visitor.address, visitor.forwardedFor);
      this.#options.onRefused?.({ reason: entry.reason, detail: 'not let in', remoteAddress });
    }
    return entry;
  }

  /** Registers; `admitted` is called before whoever routes gets the socket. A refusal is counted and closed by then. */
  register(socket: SocketLike, request: Request, place: Place, admitted?: () => void): void {
    const { remoteAddress } = place;
    accept(socket, request, { ...this.#options, counters: this.counters, remoteAddress }).then(
      (registered) => {
        place.registered();
        admitted?.();
        this.#options.onSocket(registered);
        registered.start();
      },
      (error: unknown) => {
        if (!(error instanceof SwsError)) throw error;
        this.#options.onRefused?.({ reason: error.code, detail: error.message, remoteAddress });
      },
    );
  }
}

/** The same identity on the server's provider: made without one it would sign twenty times slower, once for each client. */
function signingWith(provider: CryptoProvider, identity: Identity): Identity {
  const seed = identity.exportSeed();
  const own = Identity.fromSeed(seed, provider);
  seed.fill(0);
  return own;
}
