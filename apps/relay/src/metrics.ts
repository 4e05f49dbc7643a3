import { UNDELIVERABLE_CODES } from '@sws/protocol';
import type { Router } from '@sws/router';
import type { NatsBackplane } from '@sws/router-nats';
import type { Attached } from '@sws/server';
import { type Aggregator, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { LocalBackplane } from './workers/local-backplane.js';

/** The sources of metrics: the counters of server, router and backplane. */
export interface MetricSources {
  readonly router: Router;
  readonly attached: Attached;
  /** Connections that ended before they were registered, by reason. */
  readonly refusedRegistrations: ReadonlyMap<string, number>;
  readonly nats: NatsBackplane | null;
  /** The backplane between the workers of one port, if there are several. */
  readonly local: LocalBackplane | null;
  /** The end of the certificate's validity, ms since 1970; `null` without TLS. */
  readonly certificateExpiresMs: (() => number) | null;
  readonly version: string;
}

/** The values of a metric, read at each request. */
type Reading = readonly (readonly [value: number, labels?: Record<string, string>])[];

/**
 * The relay's metrics for Prometheus. No metric has a key or an address as a label. Clients decide how many there are,
 * and a monitoring system must not know who is online.
 */
export function relayMetrics(sources: MetricSources): Registry {
  const { router, attached, nats } = sources;
  const registry = new Registry();
  // `aggregator`: how the values of several workers are combined.
  const gauge: Define = (name, help, read, labelNames = [], aggregator = 'sum') => {
    new Gauge({
      name,
      help,
      labelNames,
      aggregator,
      registers: [registry],
      collect() {
        this.reset();
        for (const [value, labels = {}] of read()) this.set(labels, value);
      },
    });
  };
  const counter: Define = (name, help, read, labelNames = []) => {
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [value, labels = {}] of read()) this.inc(labels, value);
      },
    });
  };
  const undeliverable = (counts: Readonly<Record<string, number>>): Reading =>
    UNDELIVERABLE_CODES.map((reason) => [counts[reason] ?? 0, { reason }]);
  const byReason = (counts: ReadonlyMap<string, number>, label: string): Reading =>
    [...counts].map(([reason, count]) => [count, { [label]: reason }]);

  gauge('sws_info', 'The version that runs', () => [[1, { version: sources.version }]], ['version'], 'max');
  gauge('sws_connections', 'Open connections, registered or not', () => [[attached.connections]]);
  gauge('sws_registered_keys', 'Keys registered at this node', () => [[router.size]]);
  gauge('sws_draining', '1 while this node drains', () => [[router.draining ? 1 : 0]], [], 'max');
  gauge('sws_queued_bytes', 'Bytes that wait for receivers', () => [[router.queuedBytes]]);
  gauge('sws_queued_bytes_limit', 'Limit of the bytes that wait for receivers', () => [[router.maxQueuedBytes]]);

  const { counters } = attached;
  gauge('sws_unread_notices_bytes', 'Bytes of notices that clients have not read', () => [
    [counters.unreadNoticeBytes],
  ]);
  counter('sws_connections_total', 'Connections that got a challenge', () => [[counters.accepted]]);
  counter(
    'sws_registrations_total',
    'How registrations ended: registered, or why not',
    () => [[counters.registered, { result: 'registered' }], ...byReason(sources.refusedRegistrations, 'result')],
    ['result'],
  );
  counter(
    'sws_refusals_total',
    'Connections refused or ended by this node, by reason',
    () => byReason(counters.refusals, 'reason'),
    ['reason'],
  );
  counter('sws_replaced_total', 'Registrations replaced by newer ones', () => [[router.counters.replaced]]);
  counter('sws_received_messages_total', 'Messages from clients', () => [[counters.receivedMessages]]);
  counter('sws_received_bytes_total', 'Bytes from registered clients', () => [[counters.receivedBytes]]);
  counter('sws_received_frames_total', 'Pings, pongs and fragments from registered clients', () => [
    [counters.receivedFrames],
  ]);
  counter('sws_routed_messages_total', 'Messages passed on', () => [[router.counters.routed]]);
  counter('sws_routed_bytes_total', 'Bytes passed on', () => [[router.counters.routedBytes]]);
  counter(
    'sws_undeliverable_total',
    'Messages that were not delivered, by reason',
    () => undeliverable(router.counters.undeliverable),
    ['reason'],
  );
  counter(
    'sws_queue_full_total',
    'Messages refused because a queue was full, by limit: receiver, address or node',
    () => Object.entries(router.counters.queueFull).map(([bound, count]) => [count, { bound }]),
    ['bound'],
  );
  counter('sws_peer_gone_total', 'Notices that a peer disconnected', () => [[router.counters.peerGone]]);
  counter('sws_pauses_total', 'Times that a client over its rate was paused', () => [[counters.pauses]]);

  const { certificateExpiresMs } = sources;
  if (certificateExpiresMs !== null)
    gauge(
      'sws_certificate_expiry_seconds',
      'End of validity of the TLS certificate, seconds since 1970',
      () => [[certificateExpiresMs() / 1000]],
      [],
      'min',
    );
  if (nats !== null) natsMetrics(nats, gauge, counter, undeliverable);
  if (sources.local !== null) localMetrics(sources.local, counter);
  collectDefaultMetrics({ register: registry });
  return registry;
}

type Define = (name: string, help: string, read: () => Reading, labelNames?: string[], aggregator?: Aggregator) => void;

function localMetrics({ counters }: LocalBackplane, counter: Define): void {
  counter('sws_workers_messages_total', 'Messages from one worker to another', () => [[counters.published]]);
  counter('sws_workers_bytes_total', 'Bytes of messages from one worker to another', () => [[counters.publishedBytes]]);
  counter('sws_workers_congested_total', 'Messages for which another worker had no room', () => [[counters.congested]]);
}

function natsMetrics(
  nats: NatsBackplane,
  gauge: Define,
  counter: Define,
  undeliverable: (counts: Readonly<Record<string, number>>) => Reading,
): void {
  const { counters } = nats;
  gauge('sws_nats_connected', '1 while NATS is connected', () => [[nats.connected ? 1 : 0]], [], 'min');
  gauge('sws_nats_unconfirmed_bytes', 'Bytes given to NATS that it has not confirmed', () => [[nats.unconfirmedBytes]]);
  counter('sws_nats_published_messages_total', 'Messages given to NATS', () => [[counters.published]]);
  counter('sws_nats_published_bytes_total', 'Bytes given to NATS', () => [[counters.publishedBytes]]);
  counter('sws_nats_received_messages_total', 'Messages from NATS', () => [[counters.received]]);
  counter('sws_nats_received_bytes_total', 'Bytes from NATS', () => [[counters.receivedBytes]]);
  counter(
    'sws_nats_undeliverable_total',
    'Messages for other nodes that were not sent or came back, by reason',
    () => undeliverable(counters.undeliverable),
    ['reason'],
  );
  counter('sws_nats_disconnects_total', 'Times that NATS disconnected', () => [[counters.disconnects]]);
  counter('sws_nats_reconnects_total', 'Times that NATS reconnected', () => [[counters.reconnects]]);
  counter('sws_nats_lost_bytes_total', 'Bytes in flight when NATS disconnected', () => [[counters.unconfirmedBytes]]);
  counter('sws_nats_errors_total', 'Errors that NATS reported', () => [[counters.errors]]);
  counter('sws_nats_malformed_total', 'Malformed messages that were dropped', () => [[counters.malformed]]);
  counter('sws_nats_term_timeouts_total', 'Unanswered queries for a term', () => [[counters.termTimeouts]]);
}
