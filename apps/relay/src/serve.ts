import cluster from 'node:cluster';
import v8 from 'node:v8';
import type { NatsBackplane } from '@sws/router-nats';
import type { Authorization } from '@sws/server';
import { pino } from 'pino';
import { openAccessFiles } from './access.js';
import { type AskingClient, AuthorizeUrl } from './authorize-url.js';
import { IdentityFile } from './identity-file.js';
import { openNats } from './nats.js';
import { type RelayOptions, startRelay } from './relay.js';
import { boundsOf, changesBetween, relayOptionsOf } from './relay-options.js';
import { Seldom } from './seldom.js';
import { type Settings, workersOf } from './settings/schema.js';
import { VERSION } from './version.js';
import { nearAndFar } from './workers/near-and-far.js';
import type { SignalSource } from './workers/orders.js';
import { Primary } from './workers/primary.js';
import { joinWorkers, type Worker } from './workers/worker.js';

const STANDARD_ERROR = 2;
const ENDING = ['SIGTERM', 'SIGINT'] as const;
/**
 * Corrects two wrong guesses of V8 about a relay. After some thousand registrations V8 treats the arrays in which `ws`
 * collects each message as long-lived, and allocates them where only full collections free them. V8 also counts buffers
 * as heap. It would fully collect a heap of 9 MB again and again while 32 MB of messages pass through. Therefore the
 * heap may grow fivefold.
 */
const V8_FLAGS = ['--no-allocation-site-pretenuring', '--heap-growing-percent=400'];

/**
 * Runs a relay with its settings until a signal ends it. At SIGHUP it takes the limits from `readAgain`. Rejects with
 * the reason if it cannot start.
 */
export async function serve(settings: Settings, warnings: readonly string[], readAgain: () => Settings): Promise<void> {
  for (const flag of V8_FLAGS) v8.setFlagsFromString(flag);
  // A full disk or a reader that has left must not end a relay. Log lines that cannot be written are lost.
  const destination = pino.destination({ dest: STANDARD_ERROR, sync: true });
  destination.on('error', () => {});
  process.stdout.on('error', () => {});
  const base = settings.nodeId === null ? {} : { node: settings.nodeId };
  const count = workersOf(settings);
  const worker = cluster.isWorker ? await joinWorkers() : null;
  const log = pino(
    { level: settings.logLevel, base: worker === null ? base : { ...base, worker: worker.slot } },
    destination,
  );
  if (worker === null) for (const warning of warnings) log.warn(warning);
  if (count > 1 && worker === null) return void (await Primary.start(settings, count, log));
  const signals: SignalSource = worker?.signals ?? process;
  // Handle signals while it waits for a port or NATS too. The first process of a container gets only signals that it
  // handles.
  const giveUp = (signal: string): void => {
    log.info({ signal }, 'ended before it listened');
    process.exit(0);
  };
  for (const signal of ENDING) signals.on(signal, giveUp);
  const identity = await new IdentityFile(settings.identity).loadOrCreate();
  const access = await openAccessFiles({
    allow: settings.allow,
    tokens: settings.tokens,
    onReload: (file, entries, error) =>
      error === null
        ? log.info({ file, entries }, 'reloaded')
        : log.error({ file, error: error.message }, 'cannot use the file: the previous contents stay'),
  });
  const nats = await openNats(settings, ({ type, detail }) =>
    type === 'reconnected' ? log.info({ detail }, 'NATS is back') : log.warn({ event: type, detail }, 'NATS'),
  );
  const { authorizeUrl: url, authorizeSecret: secret, authorizeTimeout } = settings;
  const service =
    url === null
      ? null
      : new AuthorizeUrl({ url, timeoutMs: authorizeTimeout * 1000, ...(secret === null ? {} : { secret }) });
  const unanswered = new Seldom((count) =>
    log.error({ error: unansweredError, count }, 'authorize-url gave no valid answer'),
  );
  let unansweredError = '';
  const authorizeBy =
    (service: AuthorizeUrl) =>
    async (client: AskingClient): Promise<Authorization> => {
      try {
        return await service.ask(client);
      } catch (error) {
        unansweredError = reasonOf(error);
        unanswered.note();
        throw error;
      }
    };
  const relay = await startRelay({
    ...relayOptionsOf(settings),
    ...(worker === null ? {} : ofWorker(worker, settings, nats)),
    identity,
    log,
    socketActivation: true,
    ...(settings.allow === null && settings.tokens === null ? {} : { access }),
    ...(service === null ? {} : { authorize: authorizeBy(service) }),
    ...(nats === undefined ? {} : { nats }),
    ...(nats === undefined || worker !== null ? {} : { backplane: nats }),
  });
  for (const signal of ENDING) signals.off(signal, giveUp);
  const { serverKey, metricsPort } = relay;
  if (worker === null) {
    console.log(`SWS relay listening on ${relay.url}`);
    console.log(`Server key (to pin this relay): ${serverKey}`);
    log.info({ version: VERSION, pid: process.pid, url: relay.url, serverKey, metricsPort }, 'listening');
  } else worker.listening(relay);

  let current = settings;
  signals.on('SIGHUP', () => {
    log.info('SIGHUP: reloading');
    const failed = (error: unknown): void => log.error({ error: String(error) }, 'reloading failed');
    try {
      const now = readAgain();
      relay.setBounds(boundsOf(now));
      const { changed, unchanged } = changesBetween(current, now);
      if (changed.length > 0) log.info({ changed }, 'limits changed');
      if (unchanged.length > 0) log.warn({ settings: unchanged }, 'these settings change at the next start');
      current = now;
    } catch (error) {
      log.error({ error: reasonOf(error) }, 'cannot use the settings: the limits stay');
    }
    access.reload().catch(failed);
    relay.reloadCertificate().catch(failed);
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
  const end = (signal: string): void => {
    stop(signal).catch((error: unknown) => {
      log.error({ error: String(error) }, 'draining failed');
      process.exit(1);
    });
  };
  for (const signal of ENDING) signals.on(signal, end);
}

/**
 * The options that a worker has beside those of a single process: its siblings' backplane, and the metrics of all
 * workers.
 */
function ofWorker(worker: Worker, { nodeId }: Settings, nats: NatsBackplane | undefined): Partial<RelayOptions> {
  const { local, counts, admin, metrics, slot, port } = worker;
  return {
    port,
    admin,
    worker: { local, metrics },
    elsewhere: counts.elsewhere,
    backplane: nats === undefined ? local : nearAndFar(local, nats),
    ...(nodeId === null ? {} : { nodeId: `${nodeId}-${slot}` }),
  };
}

/** The reason of an error. An error of `fetch` says little, but its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
