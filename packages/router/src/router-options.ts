import type { Limits, UndeliverableCode } from '@sws/protocol';
import type { Rate } from '@sws/protocol/internal';
import type { Backplane } from './backplane.js';
import type { QueueBound } from './queue-budget.js';

/** Options of a router. The defaults suit one node with ordinary clients. */
export interface RouterOptions {
  /** The name of this node, unique on its backplane. Set it to recognise the node in logs. @defaultValue random */
  readonly nodeId?: string;
  /** Joins this node to others. @defaultValue none: a single node */
  readonly backplane?: Backplane;
  /**
   * The limits of each client. Raise `maxMessage` (bytes) for larger fragments, and the rates for clients that move
   * much data. Lower the rates if strangers may register. @defaultValue 65,536 bytes, 1,000 messages/s, 8 MiB/s
   */
  readonly limits?: Partial<Limits>;
  /**
   * The rate of all clients of one address together (IPv6: one /64). Without it, one person with many keys would have
   * many times the rate. Raise it if many users share an address. @defaultValue ten times one client's rate
   */
  readonly addressLimits?: Partial<Rate>;
  /**
   * How much may wait for all receivers together, in bytes. Each MESSAGE counts 256 bytes more than its size. Set it to
   * fit the machine's memory. @defaultValue 512 MiB
   */
  readonly maxQueuedBytes?: number;
  /**
   * How much may wait for all receivers of one address (IPv6: one /64), in bytes. Raise it if many users share an
   * address. @defaultValue 64 MiB, at most `maxQueuedBytes`
   */
  readonly maxQueuedBytesPerAddress?: number;
  /**
   * Seconds between signs of life. Lower it to notice lost clients sooner; raise it, up to 60, to spare batteries.
   * @defaultValue 15
   */
  readonly keepalive?: number;
}

/** What a router has done since it started. */
export interface RouterCounters {
  /** MESSAGEs given to a receiver's queue, or to the backplane. */
  routed: number;
  /** Their bytes. */
  routedBytes: number;
  /** Connections closed because their key registered again. */
  replaced: number;
  /** PEER_GONE frames sent. */
  peerGone: number;
  /** MESSAGEs that could not be delivered, by reason. */
  undeliverable: Record<UndeliverableCode, number>;
  /** MESSAGEs that found no room in a queue (`congested`), by the bound without room. */
  queueFull: Record<QueueBound, number>;
}

/** What can be changed while a router runs. */
export interface RouterBounds
  extends Pick<RouterOptions, 'addressLimits' | 'maxQueuedBytes' | 'maxQueuedBytesPerAddress'> {
  /** The rate of each client, as in `RouterOptions.limits`. */
  readonly limits?: Partial<Rate>;
}

/** Options of `drain`. */
export interface DrainOptions {
  /** How long clients wait before they reconnect, in ms. Set it to the time that a restart takes. @defaultValue 0 */
  readonly reconnectInMs?: number;
  /**
   * The time over which clients spread their return, in ms. Raise it with the number of clients. @defaultValue 5,000
   */
  readonly spreadMs?: number;
  /** When clients that are still connected are closed with 1012, in ms. @defaultValue 10,000 */
  readonly deadlineMs?: number;
}
