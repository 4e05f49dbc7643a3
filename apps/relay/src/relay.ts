import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { Identity } from '@sws/crypto';
import { defaultProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type DrainOptions, Router, type RouterBounds, type RouterOptions } from '@sws/router';
import type { NatsBackplane } from '@sws/router-nats';
import {
  type Authorization,
  type CertificateWatch,
  type ConnectionBounds,
  type ServeUpgradesOptions,
  serveUpgrades,
  watchCertificate,
} from '@sws/server';
import type { Access } from './access.js';
import { AccessedSockets } from './accessed-sockets.js';
import { administered, openAdminSocket } from './admin-socket.js';
import type { AskingClient } from './authorize-url.js';
import { ConnectionLog, type Log } from './connection-log.js';
import { isHandedOver, Listeners, listen, listenOnHandedOver } from './listener.js';
import { relayMetrics } from './metrics.js';
import { chatShell, type Handler, pageHandler } from './page.js';
import { Seldom } from './seldom.js';
import { VERSION } from './version.js';
import type { LocalBackplane } from './workers/local-backplane.js';

/** The same as the default of `@sws/server`. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a connection is kept open for its next request. */
const KEEP_ALIVE_MS = 5_000;
const CHECK_REQUESTS_MS = 1_000;
/** A page loads some thirty files. Whoever asks for more than this connects again. */
const MAX_REQUESTS_PER_CONNECTION = 1_000;

/** The options of `@sws/server` about connections and registration. */
type Acceptor = Pick<
  ServeUpgradesOptions,
  | 'maxConnections'
  | 'maxConnectionsPerAddress'
  | 'maxPending'
  | 'maxPendingPerAddress'
  | 'trustedProxies'
  | 'origins'
  | 'handshakeTimeoutMs'
  | 'elsewhere'
>;

/** Settings of a relay. */
export interface RelayOptions
  extends Pick<
      RouterOptions,
      'nodeId' | 'backplane' | 'limits' | 'addressLimits' | 'maxQueuedBytes' | 'maxQueuedBytesPerAddress' | 'keepalive'
    >,
    Acceptor {
  /** The port; 0 picks a free one. @defaultValue 8787 */
  readonly port?: number;
  /** The interface to listen on. @defaultValue 127.0.0.1; with `hosts`, all */
  readonly host?: string;
  /** How long to wait for a port that another process still uses, in ms. @defaultValue 0 */
  readonly waitForPortMs?: number;
  /** Whether to listen on a socket that systemd has handed to this process. @defaultValue false */
  readonly socketActivation?: boolean;
  /** Authorities that clients dial, such as `relay.example`. @defaultValue loopback names */
  readonly hosts?: readonly string[];
  /** The relay's own identity. @defaultValue a new one */
  readonly identity?: Identity;
  /** PEM files, which are read again when they change. @defaultValue plain HTTP */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Who may use the relay. A client that a change no longer allows is closed with 4403. @defaultValue everyone */
  readonly access?: Access;
  /** Called for each key that `access` allows. If it throws, the client tries again. @defaultValue allows every key */
  readonly authorize?: (client: AskingClient) => Authorization | Promise<Authorization>;
  /** The path of a local socket for the operator, to list and disconnect keys. @defaultValue none */
  readonly admin?: string;
  /** Whether to serve the chat page. @defaultValue true */
  readonly chat?: boolean;
  /** Whether to serve `/metrics`. @defaultValue true */
  readonly metrics?: boolean;
  /** Serves `/metrics` only there, and also `/healthz` and `/readyz`. @defaultValue on the relay's port */
  readonly metricsListen?: { readonly host: string; readonly port: number };
  /** The backplane over NATS, for its counters in `/metrics`. */
  readonly nats?: NatsBackplane;
  /** A pino logger, or an object with its methods. @defaultValue no log */
  readonly log?: Log;
  /** Set by `sws-relay --workers` if this process is one of several on one port. @defaultValue a single process */
  readonly worker?: RelayWorker;
}

/** The parts of a relay that is one of several workers on one port. */
export interface RelayWorker {
  /** The backplane between the workers, for metrics, and to get their claims before it listens. */
  readonly local: LocalBackplane;
  /** The text of `/metrics`: the sums over all workers. */
  readonly metrics: () => Promise<string>;
}

/** Options of draining a relay. */
export interface RelayDrainOptions extends DrainOptions {
  /** Time from the first 503 of `/readyz` until clients are asked to leave, in ms. @defaultValue 0 */
  readonly delayMs?: number;
}

/** A relay that listens. */
export interface Relay {
  readonly url: string;
  readonly port: number;
  /** The port of `metricsListen`. */
  readonly metricsPort: number | null;
  /** The relay's signing key, which clients pin; 64 hex digits. */
  readonly serverKey: string;
  /** The number of keys registered here. */
  readonly size: number;
  /** Frees the port, asks clients to reconnect, waits for them to leave, closes the others, and ends. */
  drain(options?: RelayDrainOptions): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
  /** Changes limits while it runs. An absent one returns to its default. Connections stay open. @throws RangeError */
  setBounds(bounds: RouterBounds & ConnectionBounds): void;
  /** Reads the certificate now. A change of the files does this too. */
  reloadCertificate(): Promise<void>;
}

/**
 * Starts a relay: HTTP(S) server, registration, routing and the chat page on one port. Rejects if the port is taken.
 */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const { port = 8787, hosts, chat = true, metrics = true, metricsListen, access, nats, tls } = options;
  const host = options.host ?? (hosts === undefined ? '127.0.0.1' : undefined);
  // Faster if `sodium-native` is installed beside it.
  const provider = await defaultProvider();
  const identity = options.identity ?? Identity.generate(randomBytes, provider);
  const log = new ConnectionLog(options.log);
  // Load the page before creating the router, so that a failure leaves nothing behind.
  const shell = chat ? await chatShell() : null;
  const router = new Router(
    only(options, [
      'nodeId',
      'backplane',
      'limits',
      'addressLimits',
      'maxQueuedBytes',
      'maxQueuedBytesPerAddress',
      'keepalive',
    ]),
  );
  let ready = true;
  const page = {
    shell,
    hosts: hosts ?? null,
    tls: tls !== undefined,
    ready: () => ready,
    onAnswer: (request: IncomingMessage, status: number) => log.answered(request, status),
  };
  const { worker } = options;
  const readMetrics = worker?.metrics ?? (() => registry.metrics());
  const handler = pageHandler({ ...page, metrics: metrics && metricsListen === undefined ? readMetrics : null });
  const [server, certificate] = serverFor(handler, tls, log.log, timesOf(options));
  const sockets = new AccessedSockets(access);
  const { authorize } = options;
  const authorized: ServeUpgradesOptions['authorize'] = async (client) => {
    const allowed = sockets.authorize(client);
    if (allowed === false || authorize === undefined) return allowed;
    const { publicKey, token, remoteAddress } = client;
    const answer = await authorize({ publicKey, token, address: remoteAddress });
    return answer === true ? allowed : answer;
  };
  const attached = serveUpgrades(server, {
    ...only(options, [
      'maxConnections',
      'maxConnectionsPerAddress',
      'maxPending',
      'maxPendingPerAddress',
      'trustedProxies',
      'origins',
      'handshakeTimeoutMs',
      'elsewhere',
      'hosts',
    ]),
    ...(access === undefined && authorize === undefined ? {} : { authorize: authorized }),
    exclusive: true,
    identity,
    provider,
    admit: (...client) => router.admit(...client),
    maxMessage: router.limits.maxMessage,
    onRefused: (refusal) => log.refused(refusal),
    onSocket(socket) {
      router.add(socket);
      const closed = log.registered(socket);
      const left = sockets.add(socket);
      const routed = socket.onclose;
      socket.onclose = () => {
        routed?.();
        closed();
        left();
      };
    },
  });
  const registry = relayMetrics({
    router,
    attached,
    refusedRegistrations: log.refusedRegistrations,
    nats: nats ?? null,
    local: worker?.local ?? null,
    certificateExpiresMs: certificate === null ? null : () => certificate.certificate.validTo.getTime(),
    version: VERSION,
  });
  // A worker's metrics are JSON, because the first process sums them.
  const ownMetrics = async (): Promise<string> =>
    worker === undefined ? registry.metrics() : JSON.stringify(await registry.getMetricsAsJSON());

  const aside =
    metricsListen === undefined || worker !== undefined
      ? null
      : createHttpServer(
          timesOf(options),
          pageHandler({ ...page, shell: null, tls: false, metrics: metrics ? readMetrics : null }),
        );
  const listeners = new Listeners(aside === null ? [server] : [server, aside]);
  const close = async (): Promise<void> => {
    ready = false;
    attached.close();
    router.close();
    sockets.close();
    certificate?.close();
    admin?.close();
    await listeners.close();
  };
  const { waitForPortMs: waitMs = 0 } = options;
  let admin: Server | null = null;
  const onWait = (): void => log.log.info({ port }, 'waiting for the port');
  let bound: number;
  let metricsPort: number | null = null;
  try {
    await worker?.local.met();
    bound =
      options.socketActivation === true && isHandedOver(process.env)
        ? await listenOnHandedOver(server)
        : await listen(server, { port, host, waitMs, onWait });
    if (aside !== null && metricsListen !== undefined) metricsPort = await listen(aside, { ...metricsListen, waitMs });
    if (options.admin !== undefined) admin = await openAdminSocket(options.admin, administered(router, ownMetrics));
  } catch (error) {
    await close();
    throw error;
  }
  for (const one of [...listeners.servers, ...(admin === null ? [] : [admin])]) ownErrors(one, log.log);
  const shown =
    host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${shown}:${bound}/`,
    port: bound,
    metricsPort,
    serverKey: identity.signingKey,
    get size() {
      return router.size;
    },
    close,
    setBounds(bounds) {
      router.setBounds(bounds);
      attached.setBounds(bounds);
    },
    async reloadCertificate() {
      await certificate?.reload();
    },
    async drain({ delayMs = 0, ...drainOptions } = {}) {
      ready = false;
      if (delayMs > 0) await wait(delayMs);
      // Free the ports first. The process that replaces this one can use them while clients are still connected here.
      listeners.stop();
      log.log.info({ port: bound, clients: router.size }, 'the port is free');
      await router.drain(drainOptions);
      await close();
    },
  };
}

/** Our time limits for a request. Node's own are a minute and more. */
export function timesOf({
  handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS,
}: Pick<RelayOptions, 'handshakeTimeoutMs'>): ServerOptions {
  return {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    keepAliveTimeout: Math.min(KEEP_ALIVE_MS, handshakeTimeoutMs / 2),
    connectionsCheckingInterval: CHECK_REQUESTS_MS,
  };
}

/** Logs a listener's errors, such as a lack of descriptors. The listener and all clients continue. */
export function ownErrors(server: Server, log: Log): void {
  let message = '';
  const seldom = new Seldom((count) => log.error({ error: message, count }, 'could not accept a connection'));
  server.on('error', (error) => {
    message = error.message;
    seldom.note();
  });
}

/** @throws Error if certificate and key cannot be used */
function serverFor(
  handler: Handler,
  tls: RelayOptions['tls'],
  log: Log,
  times: ServerOptions,
): [server: Server, certificate: CertificateWatch | null] {
  if (tls === undefined) return [limited(createHttpServer(times, handler)), null];
  const server = limited(createHttpsServer(times, handler));
  const certificate = watchCertificate(server, {
    ...tls,
    onReload: ({ names, validTo, fingerprint }) =>
      log.info({ names, validTo, fingerprint }, 'new connections get the new certificate'),
    onError: ({ message }) => log.error({ error: message }, 'cannot use the certificate: the old one stays'),
  });
  return [server, certificate];
}

function limited<T extends Server>(server: T): T {
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  return server;
}

/** A copy of some options. An absent one must stay absent. */
function only<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]])) as Pick<
    T,
    K
  >;
}
