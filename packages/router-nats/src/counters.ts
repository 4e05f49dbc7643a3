import type { UndeliverableCode } from '@sws/protocol';

/** What a node's end of the backplane has seen since it began: nothing that is lost or refused goes uncounted. */
export class NatsCounters {
  /** MESSAGEs given to NATS. */
  published = 0;
  /** Their bytes. */
  publishedBytes = 0;
  /** MESSAGEs that came from NATS. */
  received = 0;
  /** Their bytes. */
  receivedBytes = 0;
  /**
   * MESSAGEs that did not go, or came back, by reason: `offline`, nobody holds the key; `congested`, NATS is away, has
   * just come back or does not keep up, or the receiver's node says so; `message-too-large`, over the NATS server's `max_payload`.
   */
  readonly undeliverable: Record<UndeliverableCode, number> = {
    offline: 0,
    congested: 0,
    'message-too-large': 0,
    forbidden: 0,
  };
  /** Times that the connection to NATS was lost; a node that NATS cuts off as a slow consumer is one of them. */
  disconnects = 0;
  /** Times that it was made again. */
  reconnects = 0;
  /** Bytes given to a connection that was lost before NATS confirmed them: they may be lost, and channels send them again. */
  unconfirmedBytes = 0;
  /** Errors that NATS reported, such as permission violations. */
  errors = 0;
  /** What came over NATS and was not of this protocol; dropped. */
  malformed = 0;
  /** Questions for a key's term that went unanswered in time. */
  termTimeouts = 0;
}
