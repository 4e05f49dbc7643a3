import type { FailureCode } from '@sws/protocol';

/** Why something was refused: the protocol's failures, and what a server refuses before there is a protocol to speak. */
export type RefusalReason =
  | FailureCode
  /** The page's Origin is not among `origins`. */
  | 'origin'
  /** The client did not offer `sws.v1`. */
  | 'subprotocol'
  /** `maxConnections`. */
  | 'too-many-connections'
  /** `maxPending`. */
  | 'too-many-pending'
  /** `maxPendingPerAddress`. */
  | 'too-many-pending-from-address'
  /** No whole HTTP request within `handshakeTimeoutMs`. */
  | 'slow-handshake'
  /** Over 16 KiB before it registered. */
  | 'unregistered-flood'
  /** 1 MiB of the relay's notices left unread. */
  | 'unread-notices';

/** What a server has seen; every refusal is counted by its reason. */
export class ServerCounters {
  /** WebSocket connections that were given a challenge. */
  accepted = 0;
  registered = 0;
  receivedMessages = 0;
  receivedBytes = 0;
  /** Times that a sender was paused for being over its rate. */
  pauses = 0;
  readonly refusals = new Map<RefusalReason, number>();

  refuse(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}
