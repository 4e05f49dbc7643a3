import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { type MetricSources, relayMetrics } from '../src/metrics.js';
import { SummedMetrics } from '../src/workers/summed-metrics.js';

/** Each source has a number of its own: a metric that reads another's shows. */
const sources = {
  version: '1.2.3',
  refusedRegistrations: new Map([
    ['forbidden', 101],
    ['bad-frame', 102],
  ]),
  certificateExpiresMs: () => 103_500,
  router: {
    size: 104,
    draining: true,
    queuedBytes: 105,
    maxQueuedBytes: 106,
    counters: {
      routed: 107,
      routedBytes: 108,
      replaced: 109,
      peerGone: 110,
      undeliverable: { offline: 111, congested: 112, 'message-too-large': 113, forbidden: 114 },
      queueFull: { receiver: 115, address: 116, node: 117 },
    },
  },
  attached: {
    connections: 118,
    counters: {
      accepted: 119,
      registered: 120,
      receivedMessages: 121,
      receivedBytes: 122,
      receivedFrames: 123,
      pauses: 124,
      unreadNoticeBytes: 141,
      refusals: new Map([['origin', 125]]),
    },
  },
  nats: {
    connected: true,
    unconfirmedBytes: 126,
    counters: {
      published: 127,
      publishedBytes: 128,
      received: 129,
      receivedBytes: 130,
      undeliverable: { offline: 131, congested: 132, 'message-too-large': 133, forbidden: 134 },
      disconnects: 135,
      reconnects: 136,
      unconfirmedBytes: 137,
      errors: 138,
      malformed: 139,
      termTimeouts: 140,
    },
  },
  local: { counters: { published: 142, publishedBytes: 143, congested: 144 } },
};
const metricsOf = async (changes: object = {}): Promise<string[]> => {
  const text = await relayMetrics({ ...sources, ...changes } as unknown as MetricSources).metrics();
  return text.split('\n').filter((line) => line.startsWith('sws_'));
};

test('each metric has its own value', async () => {
  expect((await metricsOf()).sort()).toEqual(
    [
      'sws_info{version="1.2.3"} 1',
      'sws_registrations_total{result="registered"} 120',
      'sws_registrations_total{result="forbidden"} 101',
      'sws_registrations_total{result="bad-frame"} 102',
      'sws_certificate_expiry_seconds 103.5',
      'sws_registered_keys 104',
      'sws_draining 1',
      'sws_queued_bytes 105',
      'sws_queued_bytes_limit 106',
      'sws_routed_messages_total 107',
      'sws_routed_bytes_total 108',
      'sws_replaced_total 109',
      'sws_peer_gone_total 110',
      'sws_undeliverable_total{reason="offline"} 111',
      'sws_undeliverable_total{reason="congested"} 112',
      'sws_undeliverable_total{reason="message-too-large"} 113',
      'sws_undeliverable_total{reason="forbidden"} 114',
      'sws_queue_full_total{bound="receiver"} 115',
      'sws_queue_full_total{bound="address"} 116',
      'sws_queue_full_total{bound="node"} 117',
      'sws_connections 118',
      'sws_connections_total 119',
      'sws_received_messages_total 121',
      'sws_received_bytes_total 122',
      'sws_received_frames_total 123',
      'sws_pauses_total 124',
      'sws_unread_notices_bytes 141',
      'sws_refusals_total{reason="origin"} 125',
      'sws_nats_connected 1',
      'sws_nats_unconfirmed_bytes 126',
      'sws_nats_published_messages_total 127',
      'sws_nats_published_bytes_total 128',
      'sws_nats_received_messages_total 129',
      'sws_nats_received_bytes_total 130',
      'sws_nats_undeliverable_total{reason="offline"} 131',
      'sws_nats_undeliverable_total{reason="congested"} 132',
      'sws_nats_undeliverable_total{reason="message-too-large"} 133',
      'sws_nats_undeliverable_total{reason="forbidden"} 134',
      'sws_nats_disconnects_total 135',
      'sws_nats_reconnects_total 136',
      'sws_nats_lost_bytes_total 137',
      'sws_nats_errors_total 138',
      'sws_nats_malformed_total 139',
      'sws_nats_term_timeouts_total 140',
      'sws_workers_messages_total 142',
      'sws_workers_bytes_total 143',
      'sws_workers_congested_total 144',
    ].sort(),
  );
});

test('a metric read twice is not added up', async () => {
  const registry = relayMetrics(sources as unknown as MetricSources);
  await registry.metrics();
  expect(await registry.getSingleMetricAsString('sws_routed_messages_total')).toContain(
    'sws_routed_messages_total 107',
  );
});

test('without TLS, NATS and other workers their metrics are absent, and disabled features are 0', async () => {
  const router = { ...sources.router, draining: false };
  const lines = await metricsOf({ nats: null, local: null, certificateExpiresMs: null, router });
  expect(lines.filter((line) => /nats|certificate|workers/.test(line))).toEqual([]);
  expect(lines).toContain('sws_draining 0');
  expect(await metricsOf({ nats: { ...sources.nats, connected: false } })).toContain('sws_nats_connected 0');
});

describe('the metrics of workers', () => {
  const jsonOf = async (changes: object = {}): Promise<string> =>
    JSON.stringify(await relayMetrics({ ...sources, ...changes } as unknown as MetricSources).getMetricsAsJSON());
  const readingOf = (text: string, name: string): number =>
    Number(new RegExp(`^${name.replace(/[{}]/g, '.')} (\\S+)$`, 'm').exec(text)?.[1]);

  test('are summed, or taken once, as maximum or as minimum', async () => {
    const workers = new Map([
      [1, () => jsonOf()],
      [2, () => jsonOf({ certificateExpiresMs: () => 90_000, nats: { ...sources.nats, connected: false } })],
    ]);
    const text = await new SummedMetrics().read(workers, new Registry());
    for (const [name, value] of [
      ['sws_routed_messages_total', 214],
      ['sws_registered_keys', 208],
      ['sws_undeliverable_total{reason="offline"}', 222],
      ['sws_info{version="1.2.3"}', 1],
      ['sws_draining', 1],
      ['sws_certificate_expiry_seconds', 90],
      ['sws_nats_connected', 0],
    ] as const)
      expect(readingOf(text, name), name).toBe(value);
  });

  test('keep a dead worker’s counters and drop its gauges', async () => {
    const summed = new SummedMetrics();
    const workers = new Map([
      [1, () => jsonOf()],
      [2, () => jsonOf()],
    ]);
    await summed.read(workers, new Registry());
    workers.delete(2);
    await summed.ended(2);
    workers.set(3, () => jsonOf());
    for (let look = 0; look < 2; look++) {
      const text = await summed.read(workers, new Registry());
      expect(readingOf(text, 'sws_routed_messages_total')).toBe(321);
      expect(readingOf(text, 'sws_registered_keys')).toBe(208);
    }
    workers.delete(3);
    await summed.ended(3);
    expect(readingOf(await summed.read(workers, new Registry()), 'sws_routed_messages_total')).toBe(321);
  });

  test('use the last values of a silent worker', async () => {
    const summed = new SummedMetrics();
    const workers = new Map([[1, () => jsonOf()]]);
    await summed.read(workers, new Registry());
    workers.set(1, () => Promise.reject(new Error('no answer in time')));
    expect(readingOf(await summed.read(workers, new Registry()), 'sws_registered_keys')).toBe(104);
  });
});
