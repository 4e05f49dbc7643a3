import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type DrainOptions, Router, type RouterOptions } from '@sws/router';
import type { NatsBackplane } from '@sws/router-nats';
import { type AttachOptions, attach, type CertificateWatch, watchCertificate } from '@sws/server';
import type { Access } from './access.js';
import { AccessedSockets } from './accessed-sockets.js';
import { ConnectionLog, type Log } from './connection-log.js';
import { isHandedOver, Listeners, listen, listenOnHandedOver } from './listener.js';
import { relayMetrics } from './metrics.js';
import { type Handler, pageHandler } from './page.js';
import { VERSION } from './version.js';

/** What `@sws/server` bounds before and around registration. */
type Entrance = Pick<
  AttachOptions,
  'maxConnections' | 'maxPending' | 'maxPendingPerAddress' | 'trustedProxies' | 'origins' | 'handshakeTimeoutMs'
>;

/** Settings of a relay. */
export interface RelayOptions
  extends Pick<RouterOptions, 'nodeId' | 'backplane' | 'limits' | 'addressLimits' | 'keepalive'>,
    Entrance {
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
  /** Looks at the certificate now, as it does by itself when the files change. */
  reloadCertificate(): Promise<void>;
}

/** Starts a relay: HTTP(S) server, registration, routing and the chat page on one port. Rejects if the port is taken. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const { port = 8787, hosts, chat = true, metrics = true, metricsListen, access, nats, tls } = options;
  const host = options.host ?? (hosts === undefined ? '127.0.0.1' : undefined);
  const identity = options.identity ?? Identity.generate(randomBytes, nodeProvider);
  const log = new ConnectionLog(options.log);
  const router = new Router(only(options, ['nodeId', 'backplane', 'limits', 'addressLimits', 'keepalive']));
  let ready = true;
  const page = {
    chat,
    hosts: hosts ?? null,
    tls: tls !== undefined,
    ready: () => ready,
    onAnswer: (request: IncomingMessage, status: number) => log.answered(request, status),
  };
  const readMetrics = (): Promise<string> => registry.metrics();
  const handler = pageHandler({ ...page, metrics: metrics && metricsListen === undefined ? readMetrics : null });
  const [server, certificate] = serverFor(handler, tls, log.log);
  const sockets = new AccessedSockets(access);
  const attached = attach(server, {
    ...only(options, [
      'maxConnections',
      'maxPending',
      'maxPendingPerAddress',
      'trustedProxies',
      'origins',
      'handshakeTimeoutMs',
      'hosts',
    ]),
    ...(access === undefined ? {} : { authorize: (client) => sockets.authorize(client) }),
    identity,
    admit: (...client) => router.admit(...client),
    maxMessage: router.limits.maxMessage,
    onRefused: (refusal) => log.refused(refusal),
    onSocket(socket) {
      router.attach(socket);
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
    certificateExpiresMs: () => certificate?.certificate.validTo.getTime() ?? null,
    version: VERSION,
  });

  const aside =
    metricsListen === undefined
      ? null
      : createHttpServer(pageHandler({ ...page, chat: false, tls: false, metrics: metrics ? readMetrics : null }));
  const listeners = new Listeners(aside === null ? [server] : [server, aside]);
  const close = async (): Promise<void> => {
    ready = false;
    attached.close();
    router.close();
    sockets.close();
    certificate?.close();
    await listeners.close();
  };
  const waitMs = options.waitForPortMs ?? 0;
  const onWait = (): void => log.log.info({ port }, 'waiting for the port');
  let bound: number;
  let metricsPort: number | null = null;
  try {
    bound =
      options.socketActivation === true && isHandedOver(process.env)
        ? await listenOnHandedOver(server)
        : await listen(server, { port, host, waitMs, onWait });
    if (aside !== null && metricsListen !== undefined) metricsPort = await listen(aside, { ...metricsListen, waitMs });
  } catch (error) {
    await close();
    throw error;
  }
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

/** @throws Error where certificate and key can't be used */
function serverFor(
  handler: Handler,
  tls: RelayOptions['tls'],
  log: Log,
): [server: Server, certificate: CertificateWatch | null] {
  if (tls === undefined) return [createHttpServer(handler), null];
  const server = createHttpsServer(handler);
  const certificate = watchCertificate(server, {
    ...tls,
    onReload: ({ names, validTo, fingerprint }) =>
      log.info({ names, validTo, fingerprint }, 'new handshakes see the new certificate'),
    onError: ({ message }) => log.error({ error: message }, 'the certificate can not be used: the old one stays'),
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
