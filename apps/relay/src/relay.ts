import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
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

/** As `@sws/server`'s own default. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a connection is kept for a next request. */
const KEEP_ALIVE_MS = 5_000;
const CHECK_REQUESTS_MS = 1_000;

/** What `@sws/server` bounds before and around registration. */
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
  /** 0 for any that is free. @defaultValue 8787 */
  readonly port?: number;
  /** The interface to listen on. @defaultValue 127.0.0.1; with `hosts`, all */
  readonly host?: string;
  /** How long to wait for a port that another process still has, ms. @defaultValue 0 */
  readonly waitForPortMs?: number;
  /** Listens on what systemd handed over to this process, if it did. @defaultValue false */
  readonly socketActivation?: boolean;
  /** Authorities that clients dial, such as `relay.example`. @defaultValue loopback names */
  readonly hosts?: readonly string[];
  /** The relay's own identity. @defaultValue a new one */
  readonly identity?: Identity;
  /** PEM files; followed as they change. @defaultValue plain HTTP */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Who may use the relay; whom a change no longer allows is closed with 4403. @defaultValue everyone */
  readonly access?: Access;
  /** Asked about each key that `access` allows; what it throws has the client try again. @defaultValue everyone may */
  readonly authorize?: (client: AskingClient) => Authorization | Promise<Authorization>;
  /** A local socket for the operator: who is connected, and disconnecting a key. @defaultValue none */
  readonly admin?: string;
  /** Serves the chat page. @defaultValue true */
  readonly chat?: boolean;
  /** Serves `/metrics`. @defaultValue true */
  readonly metrics?: boolean;
  /** Serves `/metrics` there alone, and `/healthz` and `/readyz` there too. @defaultValue with the rest */
  readonly metricsListen?: { readonly host: string; readonly port: number };
  /** The backplane's counters for `/metrics`, where it is one over NATS. */
  readonly nats?: NatsBackplane;
  /** A pino logger, or what has its methods. @defaultValue silence */
  readonly log?: Log;
  /** Set by `sws-relay --workers` where this process is one of several on one port. @defaultValue a relay by itself */
  readonly worker?: RelayWorker;
}

/** What a relay does as one of several workers on one port. */
export interface RelayWorker {
  /** What it has joined the others with, for metrics, and to hear from them before it listens. */
  readonly local: LocalBackplane;
  /** What `/metrics` shows: the sum of all workers. */
  readonly metrics: () => Promise<string>;
}

/** How a relay is emptied. */
export interface RelayDrainOptions extends DrainOptions {
  /** From `/readyz` saying 503 to the first client being sent away, ms. @defaultValue 0 */
  readonly delayMs?: number;
}

/** A relay that listens. */
export interface Relay {
  readonly url: string;
  readonly port: number;
  /** Where `metricsListen` came to listen. */
  readonly metricsPort: number | null;
  /** What clients pin: the relay's signing key, 64 hex digits. */
  readonly serverKey: string;
  /** Keys registered here. */
  readonly size: number;
  /** Frees the port, asks clients to come back, waits for them to leave, closes those who do not, and ends. */
  drain(options?: RelayDrainOptions): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
  /** Changes limits while it runs; what is absent has its default again. Nobody is sent away. @throws RangeError */
  setBounds(bounds: RouterBounds & ConnectionBounds): void;
  /** Looks at the certificate now, as it does by itself when the files change. */
  reloadCertificate(): Promise<void>;
}

/** Starts a relay: HTTP(S) server, registration, routing and the chat page on one port. Rejects if the port is taken. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const { port = 8787, hosts, chat = true, metrics = true, metricsListen, access, nats, tls } = options;
  const host = options.host ?? (hosts === undefined ? '127.0.0.1' : undefined);
  const identity = options.identity ?? Identity.generate(randomBytes, nodeProvider);
  const log = new ConnectionLog(options.log);
  // Before the router: nothing is left behind if the page can't be read.
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
  // Whoever sums the workers reads each as JSON.
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
      // The ports are free from here: the process that replaces this one takes them while clients are still here.
      listeners.stop();
      log.log.info({ port: bound, clients: router.size }, 'the port is free');
      await router.drain(drainOptions);
      await close();
    },
  };
}

/** Node's own bounds for a request, a minute and more, are brought down to ours. */
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

/** A listener that can't take a connection, for want of descriptors for example, says so: it goes on, and so do all clients. */
export function ownErrors(server: Server, log: Log): void {
  let message = '';
  const seldom = new Seldom((count) => log.error({ error: message, count }, 'could not accept a connection'));
  server.on('error', (error) => {
    message = error.message;
    seldom.note();
  });
}

/** @throws Error where certificate and key can't be used */
function serverFor(
  handler: Handler,
  tls: RelayOptions['tls'],
  log: Log,
  times: ServerOptions,
): [server: Server, certificate: CertificateWatch | null] {
  if (tls === undefined) return [createHttpServer(times, handler), null];
  const server = createHttpsServer(times, handler);
  const certificate = watchCertificate(server, {
    ...tls,
    onReload: ({ names, validTo, fingerprint }) =>
      log.info({ names, validTo, fingerprint }, 'new connections get the new certificate'),
    onError: ({ message }) => log.error({ error: message }, 'cannot use the certificate: the old one stays'),
  });
  return [server, certificate];
}

/** The given ones of some options: an absent one must stay absent. */
function only<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]])) as Pick<
    T,
    K
  >;
}
