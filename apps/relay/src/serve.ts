import v8 from 'node:v8';
import { pino } from 'pino';
import { openAccessFiles } from './access.js';
import { IdentityFile } from './identity-file.js';
import { openNats } from './nats.js';
import { type RelayOptions, startRelay } from './relay.js';
import { parseListen, type Settings } from './settings/schema.js';
import { VERSION } from './version.js';

const STANDARD_ERROR = 2;
/**
 * What V8 guesses wrong about a relay. After some thousand registrations it takes the arrays in which `ws` collects each
 * message for long-lived ones and makes them where only full collections clear them away. And it counts buffers as heap:
 * a heap of 9 MB with 32 MB of messages passing through would be collected in full again and again; so it may grow fivefold.
 */
const V8_FLAGS = ['--no-allocation-site-pretenuring', '--heap-growing-percent=400'];

/** Runs a relay by its settings until a signal ends it. Rejects where it can't start, with what is wrong. */
export async function serve(settings: Settings, warnings: readonly string[]): Promise<void> {
  for (const flag of V8_FLAGS) v8.setFlagsFromString(flag);
  const log = pino(
    { level: settings.logLevel, base: settings.nodeId === null ? {} : { node: settings.nodeId } },
    pino.destination({ dest: STANDARD_ERROR, sync: true }),
  );
  for (const warning of warnings) log.warn(warning);
  const identity = await new IdentityFile(settings.identity).loadOrCreate();
  const access = await openAccessFiles({
    allow: settings.allow,
    tokens: settings.tokens,
    onReload: (file, entries, error) =>
      error === null
        ? log.info({ file, entries }, 'reloaded')
        : log.error({ file, error: error.message }, 'the file can not be used: what was read before stays'),
  });
  const nats = await openNats(settings, ({ type, detail }) =>
    type === 'reconnected' ? log.info({ detail }, 'NATS is back') : log.warn({ event: type, detail }, 'NATS'),
  );
  const relay = await startRelay({
    ...relayOptionsOf(settings),
    identity,
    log,
    socketActivation: true,
    ...(settings.allow === null && settings.tokens === null ? {} : { access }),
    ...(nats === undefined ? {} : { backplane: nats, nats }),
  });
  const { url, serverKey, metricsPort } = relay;
  console.log(`SWS relay listening on ${url}`);
  console.log(`Server key (to pin this relay): ${serverKey}`);
  log.info({ version: VERSION, pid: process.pid, url, serverKey, metricsPort }, 'listening');

  process.on('SIGHUP', () => {
    log.info('SIGHUP: reloading');
    void access.reload();
    void relay.reloadCertificate();
  });
  let draining = false;
  const stop = async (signal: string): Promise<void> => {
    if (draining) {
      log.warn({ signal, clients: relay.size }, 'a second signal: ending at once');
      process.exit(1);
    }
    draining = true;
    const { drainDelay, drainSpread, drainDeadline } = settings;
    log.info({ signal, clients: relay.size, drainDelay, drainSpread, drainDeadline }, 'draining');
    await relay.drain({
      delayMs: drainDelay * 1000,
      spreadMs: drainSpread * 1000,
      deadlineMs: drainDeadline * 1000,
    });
    await nats?.close();
    access.close();
    log.info('drained');
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
}

/** What of the settings goes to the relay as it is; what is not set stays absent. */
function relayOptionsOf(settings: Settings): RelayOptions {
  const { maxMessage, messagesPerSecond, bytesPerSecond, cert, key, metricsListen } = settings;
  return {
    port: settings.port,
    waitForPortMs: settings.waitForPort * 1000,
    chat: settings.chat,
    metrics: settings.metrics,
    keepalive: settings.keepalive,
    limits: { maxMessage, messagesPerSecond, bytesPerSecond },
    addressLimits: given({
      messagesPerSecond: settings.messagesPerSecondPerAddress,
      bytesPerSecond: settings.bytesPerSecondPerAddress,
    }),
    maxPending: settings.maxPending,
    maxPendingPerAddress: settings.maxPendingPerAddress,
    handshakeTimeoutMs: settings.handshakeTimeout * 1000,
    ...given({
      host: settings.host,
      hosts: settings.hosts,
      nodeId: settings.nodeId,
      trustedProxies: settings.trustedProxies,
      origins: settings.origins,
      maxConnections: settings.maxConnections,
      metricsListen: metricsListen === null ? null : parseListen(metricsListen),
      tls: cert === null || key === null ? null : { cert, key },
    }),
  };
}

type Given<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** The same without what is `null`. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Given<T>;
}
