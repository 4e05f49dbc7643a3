import type { RouterBounds } from '@sws/router';
import type { ConnectionBounds } from '@sws/server';
import type { RelayOptions } from './relay.js';
import { kebabOf, parseListen, type SettingName, type Settings, workersOf } from './settings/schema.js';

/** The smallest value that a router accepts. */
const MIN_QUEUED_BYTES = 65_536;

/** The settings that SIGHUP changes. */
const RELOADED: readonly SettingName[] = [
  'messagesPerSecond',
  'bytesPerSecond',
  'messagesPerSecondPerAddress',
  'bytesPerSecondPerAddress',
  'maxConnections',
  'maxConnectionsPerAddress',
  'maxPending',
  'maxPendingPerAddress',
  'maxQueuedBytes',
  'maxQueuedBytesPerAddress',
];

/** The settings that have changed: those that take effect at once, and those that take effect at the next start. */
export function changesBetween(
  before: Settings,
  now: Settings,
): { readonly changed: string[]; readonly unchanged: string[] } {
  const different = (Object.keys(now) as SettingName[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]),
  );
  return {
    changed: different.filter((name) => RELOADED.includes(name)).map(kebabOf),
    unchanged: different.filter((name) => !RELOADED.includes(name)).map(kebabOf),
  };
}

/** The limits that can be changed while a relay runs. */
export function boundsOf(settings: Settings): RouterBounds & ConnectionBounds {
  const { messagesPerSecond, bytesPerSecond } = settings;
  // Each worker has an equal share of the queued bytes. Connections are counted over all workers.
  const share = (bytes: number): number => Math.max(MIN_QUEUED_BYTES, Math.floor(bytes / workersOf(settings)));
  return {
    limits: { messagesPerSecond, bytesPerSecond },
    addressLimits: given({
      messagesPerSecond: settings.messagesPerSecondPerAddress,
      bytesPerSecond: settings.bytesPerSecondPerAddress,
    }),
    maxConnectionsPerAddress: settings.maxConnectionsPerAddress,
    maxQueuedBytes: share(settings.maxQueuedBytes),
    maxQueuedBytesPerAddress: share(settings.maxQueuedBytesPerAddress),
    maxPending: settings.maxPending,
    maxPendingPerAddress: settings.maxPendingPerAddress,
    ...given({ maxConnections: settings.maxConnections }),
  };
}

/** The relay's options from the settings. A setting that is not set stays absent. */
export function relayOptionsOf(settings: Settings): RelayOptions {
  const { maxMessage, messagesPerSecond, bytesPerSecond, cert, key, metricsListen } = settings;
  return {
    ...boundsOf(settings),
    port: settings.port,
    waitForPortMs: settings.waitForPort * 1000,
    chat: settings.chat,
    metrics: settings.metrics,
    keepalive: settings.keepalive,
    limits: { maxMessage, messagesPerSecond, bytesPerSecond },
    handshakeTimeoutMs: settings.handshakeTimeout * 1000,
    ...given({
      host: settings.host,
      hosts: settings.hosts,
      nodeId: settings.nodeId,
      trustedProxies: settings.trustedProxies,
      origins: settings.origins,
      admin: settings.admin,
      metricsListen: metricsListen === null ? null : parseListen(metricsListen),
      tls: cert === null || key === null ? null : { cert, key },
    }),
  };
}

type Given<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** A copy without the fields that are `null`. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Given<T>;
}
