import type { FailureCode } from '@sws/protocol';

/** Why a server refused a connection or client: the protocol's failures, and refusals before the protocol begins. */
export type RefusalReason =
  | FailureCode
  /** The page's Origin is not among `origins`. */
  | 'origin'
  /** The client did not offer `sws.v1`. */
  | 'subprotocol'
  /** The upgrade was for another path than `path`, or `shouldHandle` refused it, and there is no other listener. */
  | 'path'
  /** Other listeners did not answer an upgrade within `handshakeTimeoutMs`. */
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
  /** The client sent over 16 KiB before it registered. */
  | 'unregistered-flood'
  /** The client left 1 MiB of the relay's notices unread, or less if all clients together left very much unread. */
  | 'unread-notices';

/** What a server has done since it started. Every refusal is counted by its reason. */
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
  /** How often a sender was paused because it was over its rate. */
  pauses = 0;
  /** Connections and clients that were refused, by reason. */
  readonly refusals = new Map<RefusalReason, number>();

  /** Counts one refusal. */
  refuse(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}
