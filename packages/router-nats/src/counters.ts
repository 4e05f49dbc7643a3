import type { UndeliverableCode } from '@sws/protocol';

/** What a node's backplane has done since it started. Every loss and refusal is counted. */
export class NatsCounters {
  /** MESSAGEs given to NATS. */
  published = 0;
  /** Bytes of those MESSAGEs. */
  publishedBytes = 0;
  /** MESSAGEs from NATS. */
  received = 0;
  /** Bytes of those MESSAGEs. */
  receivedBytes = 0;
  /**
   * MESSAGEs that were refused or came back, by reason. `offline`: no node holds the key. `congested`: NATS is
   * unreachable, has just come back or is too slow, or the receiver's node says so. `message-too-large`: the MESSAGE
   * is over the NATS server's `max_payload`.
   */
  readonly undeliverable: Record<UndeliverableCode, number> = {
    offline: 0,
    congested: 0,
    'message-too-large': 0,
    forbidden: 0,
  };
  /** How often the connection to NATS was lost, including when NATS cut it because the node was a slow consumer. */
  disconnects = 0;
  /** How often the connection was made again. */
  reconnects = 0;
  /** Bytes that NATS had not confirmed when a connection was lost. They may be lost, and channels send them again. */
  unconfirmedBytes = 0;
  /** Errors that NATS reported, such as permission violations. */
  errors = 0;
  /** Messages from NATS that were malformed, and dropped. */
  malformed = 0;
  /** Requests for a key's term without an answer in time. */
  termTimeouts = 0;
}
