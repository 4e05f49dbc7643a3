import type { FailureCode } from '@sws/protocol';

/** Why something was refused: the protocol's failures, and what a server refuses before there is a protocol to speak. */
export type RefusalReason =
  | FailureCode
  /** The page's Origin is not among `origins`. */
  | 'origin'
  /** The client did not offer `sws.v1`. */
  | 'subprotocol'
  /** The upgrade was for another path than `path`, or `shouldHandle` said no, and nobody else listens for upgrades. */
  | 'path'
  /** An upgrade that others were to answer had no answer within `handshakeTimeoutMs`. */
  | 'unanswered-upgrade'
  /** `maxConnections`. */
  | 'too-many-connections'
  /** `maxConnectionsPerAddress`. */
  | 'too-many-connections-from-address'
  /** `maxPending`. */
  | 'too-many-pending'
  /** `maxPendingPerAddress`. */
  | 'too-many-pending-from-address'
  /** No whole HTTP request within `handshakeTimeoutMs`. */
  | 'slow-handshake'
  /** With `exclusive`: an answer was not read within `handshakeTimeoutMs`. */
  | 'slow-reader'
  /** `onSocket` threw, or registration failed unexpectedly. */
  | 'internal-error'
  /** Over 16 KiB before it registered. */
  | 'unregistered-flood'
  /** 1 MiB of the relay's notices left unread, or less where all clients together have left very much. */
  | 'unread-notices';

/** What a server has done since it began. Every refusal is counted by its reason. */
export class ServerCounters {
  /** WebSocket connections that were given a challenge. */
  accepted = 0;
  /** Connections that have registered. */
  registered = 0;
  /** MESSAGEs from registered clients. */
  receivedMessages = 0;
  /** Bytes from registered clients, in frames of any kind. */
  receivedBytes = 0;
  /** WebSocket frames of registered clients that are not whole messages: pings, pongs, fragments before the last. */
  receivedFrames = 0;
  /** Bytes of the relay's own frames that clients have not read yet. */
  unreadNoticeBytes = 0;
  /** Times that a sender was paused for being over its rate. */
  pauses = 0;
  /** Connections and clients that were refused, by reason. */
  readonly refusals = new Map<RefusalReason, number>();

  /** Counts one refusal. */
  refuse(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}
