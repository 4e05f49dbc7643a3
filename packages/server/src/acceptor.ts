import { type CryptoProvider, Identity, type IdentityLike } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { SwsError } from '@sws/protocol/internal';
import { type AcceptOptions, accept, checkHosts } from './accept.js';
import {
  ConnectionLimits,
  type ConnectionLimitsOptions,
  type Entry,
  offersSubprotocol,
  type RefusalStatus,
  type Slot,
  type UpgradeInfo,
} from './connection-limits.js';
import { type RefusalReason, ServerCounters } from './counters.js';
import { DEFAULT_MAX_MESSAGE_BYTES, maxFrameBytes } from './max-message.js';
import type { ServerSecureWebSocket } from './server-secure-web-socket.js';
import type { SocketLike } from './socket-like.js';

/** Options of every server, whichever WebSocket library it uses. `Request` is the library's upgrade request. */
export interface AcceptorOptions<Request>
  extends Omit<AcceptOptions<Request>, 'remoteAddress'>,
    ConnectionLimitsOptions {
  /** Pass `router.add`, bound: takes the registered socket and sets its `onmessage`. */
  readonly onSocket: (socket: ServerSecureWebSocket) => void;
  /**
   * Called with each connection that was refused or did not register, for a log. @defaultValue nothing: `counters`
   * counts it
   */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** A connection that did not become a registered one. */
export interface Refusal {
  /** A key of `counters.refusals`. */
  readonly reason: RefusalReason;
  /** More about it, for a log. */
  readonly detail: string;
  /** The IP address as the limits count it. */
  readonly remoteAddress: string;
}

/** A server that is running. */
export interface Attached {
  /** What it has done since it began. */
  readonly counters: ServerCounters;
  /** Open connections, registered or not. */
  readonly connections: number;
  /** Refuses every upgrade from now on. The router closes registered sockets. */
  close(): void;
}

/** What all servers have in common: the limits of connections, then registration, then `onSocket`. */
export class Acceptor<Request> {
  readonly counters: ServerCounters;
  readonly connectionLimits: ConnectionLimits;
  /** The largest WebSocket message that is read, in bytes. */
  readonly maxFrameBytes: number;
  readonly #options: AcceptorOptions<Request>;
  #open = true;

  /** @throws RangeError for an option that is out of its range */
  constructor(options: AcceptorOptions<Request>) {
    const { maxMessage = DEFAULT_MAX_MESSAGE_BYTES, counters = new ServerCounters() } = options;
    checkHosts(options.hosts);
    this.counters = counters;
    this.connectionLimits = new ConnectionLimits(options, counters);
    this.maxFrameBytes = maxFrameBytes(maxMessage);
    this.#options = { ...options, identity: signingWith(options.provider ?? nodeProvider, options.identity) };
  }

  /** Accepted connections that have not ended. */
  get connections(): number {
    return this.connectionLimits.connections;
  }

  /** Refuses every connection from now on. */
  close(): void {
    this.#open = false;
  }

  enter(info: UpgradeInfo): Entry {
    const entry: Entry = this.#open
      ? this.connectionLimits.enter(info)
      : { ok: false, status: 503, reason: 'restarting' };
    if (!entry.ok) this.#tellRefused(info, entry.reason);
    return entry;
  }

  /** Refuses an upgrade that no listener takes. Returns the HTTP status for it. */
  refuse(info: UpgradeInfo): RefusalStatus {
    // An SWS upgrade that is refused only for its path.
    if (!this.#open || !offersSubprotocol(info.protocols)) {
      const entry = this.enter(info);
      return entry.ok ? 400 : entry.status;
    }
    const { status, reason } = this.connectionLimits.refuse(404, 'path');
    this.#tellRefused(info, reason);
    return status;
  }

  #tellRefused({ address, forwardedFor }: UpgradeInfo, reason: RefusalReason): void {
    const remoteAddress = this.connectionLimits.proxies.clientOf(address, forwardedFor);
    this.#options.onRefused?.({ reason, detail: 'the upgrade was refused', remoteAddress });
  }

  /** Registers a client. `admitted` is called before `onSocket`. A refused client is counted and closed. */
  register(socket: SocketLike, request: Request, slot: Slot, admitted?: () => void): void {
    const { remoteAddress } = slot;
    const failed = (error: unknown, detail: string): void => {
      this.counters.refuse('internal-error');
      const said = error instanceof Error ? error.message : String(error);
      this.#options.onRefused?.({ reason: 'internal-error', detail: `${detail}: ${said}`, remoteAddress });
    };
    accept(socket, request, { ...this.#options, counters: this.counters, remoteAddress }).then(
      (registered) => {
        slot.registered();
        admitted?.();
        try {
          this.#options.onSocket(registered);
          registered.start();
        } catch (error) {
          // Close this client's connection and keep the process running.
          registered.close({ code: 'try-again-later', detail: 'the relay failed' });
          failed(error, 'onSocket');
        }
      },
      (error: unknown) => {
        if (error instanceof SwsError)
          return this.#options.onRefused?.({ reason: error.code, detail: error.message, remoteAddress });
        socket.terminate();
        failed(error, 'registration');
      },
    );
  }
}

/**
 * The same identity on the server's provider: made without one it would sign twenty times slower, once for each
 * client.
 */
function signingWith(provider: CryptoProvider, identity: IdentityLike): Identity {
  const seed = identity.exportSeed();
  const own = Identity.fromSeed(seed, provider);
  seed.fill(0);
  return own;
}
