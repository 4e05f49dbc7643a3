import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { list, number, oneOf, onOff, type Setting, text } from './setting.js';

const LISTENING = 'Listening:';
const ACCESS = 'Who may use it:';
const LIMITS = 'Limits:';
const NODES = 'Many nodes as one relay (NATS):';
const RUNNING = 'Running:';

const MIB = 1_048_576;
/** Each worker has a local socket to each other worker. */
const MAX_WORKERS = 128;

/**
 * Every setting of `sws-relay`. Flags, environment, file, `--help` and the tables of the documentation use this
 * schema.
 */
export const SCHEMA = {
  port: number({
    group: LISTENING,
    help: 'the port to listen on; 0 for any free port',
    min: 0,
    max: 65_535,
    fallback: 8_787,
  }),
  host: text<string | null>('address', {
    group: LISTENING,
    help: 'the interface to listen on',
    fallback: null,
    shown: '127.0.0.1; with --hosts, all',
  }),
  hosts: list('name', {
    group: LISTENING,
    help: 'names that clients dial: relay.example, or relay.example:8443 for an unusual port; registrations for other names are refused',
    fallback: null,
    shown: 'loopback names',
    check: (name) => (/^[^\s/@?#]+$/.test(name) ? null : 'a name or name:port, without scheme or path'),
  }),
  cert: text<string | null>('file', {
    group: LISTENING,
    help: 'TLS certificate chain (PEM); reloaded when it changes',
    fallback: null,
  }),
  key: text<string | null>('file', { group: LISTENING, help: 'private key of the certificate (PEM)', fallback: null }),
  trustedProxies: list('address', {
    group: LISTENING,
    help: 'proxies whose X-Forwarded-For is believed',
    fallback: null,
    check: (entry) => (isIP(entry.split('/')[0] ?? '') === 0 ? 'an IP address or a range like 10.0.0.0/8' : null),
  }),
  waitForPort: number({
    group: LISTENING,
    help: 'seconds to wait for the port while the replaced process still has it',
    unit: 'seconds',
    min: 0,
    max: 3_600,
    fallback: 0,
  }),
  chat: onOff({ group: LISTENING, help: 'serve the chat page at / and at every address', fallback: true }),
  metrics: onOff({ group: LISTENING, help: 'serve /metrics (Prometheus)', fallback: true }),
  metricsListen: text<string | null>('[address:]port', {
    group: LISTENING,
    help: 'serve /metrics only there; also /healthz and /readyz',
    fallback: null,
    shown: 'on the main port',
    check: (value) => (parseListen(value) === null ? 'port or address:port' : null),
  }),

  allow: text<string | null>('file', {
    group: ACCESS,
    help: 'admit only the keys in this file, one a line; reloaded when it changes',
    fallback: null,
    shown: 'every key',
  }),
  tokens: text<string | null>('file', {
    group: ACCESS,
    help: 'admit only clients with a token of this file, one a line; a key after a token limits it to that key; reloaded when it changes',
    fallback: null,
    shown: 'no token',
  }),
  authorizeUrl: text<string | null>('url', {
    group: ACCESS,
    help: 'ask this service about each key that registers (docs/operate.md)',
    fallback: null,
    shown: 'none',
    check: (value) => (isAuthorizeUrl(value) ? null : 'an https URL, or an http one on this machine'),
  }),
  authorizeTimeout: number({
    group: ACCESS,
    help: 'seconds to wait for its answer; without one the client is told to try again',
    unit: 'seconds',
    fraction: true,
    min: 0.1,
    max: 10,
    fallback: 5,
  }),
  authorizeSecret: text<string | null>('word', {
    group: ACCESS,
    help: 'bearer token sent to that service',
    fallback: null,
    secret: true,
  }),
  origins: list('origin', {
    group: ACCESS,
    help: 'origins of pages that may connect, such as https://chat.example',
    fallback: null,
    shown: 'any page',
    check: (value) => (/^https?:\/\/[^\s/]+$/.test(value) ? null : 'an origin: https://name, without a path'),
  }),

  maxMessage: number({
    group: LIMITS,
    help: 'size of the largest message',
    unit: 'bytes',
    min: 65_536,
    max: MIB,
    fallback: 65_536,
  }),
  messagesPerSecond: number({
    group: LIMITS,
    help: 'rate of one client; above it the client is paused',
    min: 1,
    max: 1_000_000,
    fallback: 1_000,
  }),
  bytesPerSecond: number({
    group: LIMITS,
    help: 'rate of one client; above it the client is paused',
    unit: 'bytes',
    min: 65_536,
    max: 1_024 * MIB,
    fallback: 8 * MIB,
  }),
  messagesPerSecondPerAddress: number<number | null>({
    group: LIMITS,
    help: 'rate of all clients of one address (IPv6: /64) together',
    min: 1,
    max: 100_000_000,
    fallback: null,
    shown: 'ten times one client’s',
  }),
  bytesPerSecondPerAddress: number<number | null>({
    group: LIMITS,
    help: 'rate of all clients of one address together',
    unit: 'bytes',
    min: 65_536,
    max: 102_400 * MIB,
    fallback: null,
    shown: 'ten times one client’s',
  }),
  maxConnections: number<number | null>({
    group: LIMITS,
    help: 'connections in all, registered or not',
    min: 1,
    max: 10_000_000,
    fallback: null,
    shown: 'as many as the process can have',
  }),
  maxConnectionsPerAddress: number({
    group: LIMITS,
    help: 'the same for one address (IPv6: /64)',
    min: 1,
    max: 10_000_000,
    fallback: 1_000,
  }),
  maxQueuedBytes: number({
    group: LIMITS,
    help: 'how much may wait for all slow receivers together; above it senders get `congested`',
    unit: 'bytes',
    min: MIB,
    max: 1_048_576 * MIB,
    fallback: 512 * MIB,
  }),
  maxQueuedBytesPerAddress: number({
    group: LIMITS,
    help: 'the same for the receivers of one address',
    unit: 'bytes',
    min: MIB,
    max: 1_048_576 * MIB,
    fallback: 64 * MIB,
  }),
  maxPending: number({
    group: LIMITS,
    help: 'connections that have not registered yet, in all',
    min: 1,
    max: 1_000_000,
    fallback: 1_000,
  }),
  maxPendingPerAddress: number({
    group: LIMITS,
    help: 'the same for one address (IPv6: /64)',
    min: 1,
    max: 1_000_000,
    fallback: 100,
  }),
  handshakeTimeout: number({
    group: LIMITS,
    help: 'seconds that a client may take for TLS and the HTTP request',
    unit: 'seconds',
    min: 1,
    max: 60,
    fallback: 10,
  }),
  keepalive: number({
    group: LIMITS,
    help: 'seconds between signs of life',
    unit: 'seconds',
    min: 5,
    max: 60,
    fallback: 15,
  }),

  nats: list('url', {
    group: NODES,
    help: 'NATS servers, such as nats://10.0.0.5:4222; nodes that share them are one relay',
    fallback: null,
    shown: 'none: a single node',
  }),
  nodeId: text<string | null>('name', {
    group: NODES,
    help: 'name of this node, unique among them',
    fallback: null,
    shown: 'random',
    check: (value) => (/^[A-Za-z0-9_-]{1,64}$/.test(value) ? null : 'up to 64 letters, digits, - and _'),
  }),
  natsPrefix: text('prefix', { group: NODES, help: 'first part of every NATS subject', fallback: 'sws' }),
  natsUser: text<string | null>('name', { group: NODES, help: 'user name for NATS', fallback: null }),
  natsPassword: text<string | null>('word', { group: NODES, help: 'password for NATS', fallback: null, secret: true }),
  natsToken: text<string | null>('word', { group: NODES, help: 'token for NATS', fallback: null, secret: true }),
  natsCredentials: text<string | null>('file', {
    group: NODES,
    help: 'credentials file for NATS (JWT and seed); read for each connection',
    fallback: null,
  }),
  natsCa: text<string | null>('file', {
    group: NODES,
    help: 'certificate authority of the NATS server (PEM)',
    fallback: null,
  }),
  natsCert: text<string | null>('file', { group: NODES, help: 'client certificate for NATS (PEM)', fallback: null }),
  natsKey: text<string | null>('file', { group: NODES, help: 'private key of that certificate (PEM)', fallback: null }),

  workers: text('number', {
    group: RUNNING,
    help: 'processes that share the port, one core each; auto for one for each processor',
    fallback: '1',
    check: (value) =>
      value === 'auto' || isWorkers(value) ? null : `auto, or a whole number from 1 to ${MAX_WORKERS}`,
  }),
  identity: text('file', {
    group: RUNNING,
    help: "the relay's own identity; made on first use",
    fallback: join(envPaths('sws', { suffix: '' }).config, 'relay-identity'),
  }),
  admin: text<string | null>('file', {
    group: RUNNING,
    help: 'a local socket for `sws-relay connections` and `sws-relay disconnect`; only its owner can open it',
    fallback: null,
    shown: 'none',
  }),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    group: RUNNING,
    help: 'level of the JSON log on standard error: trace, debug (each connection), info, warn, error or silent',
    fallback: 'info',
  }),
  drainDelay: number({
    group: RUNNING,
    help: 'on SIGTERM, seconds from 503 at /readyz until clients are told to leave, for load balancers',
    unit: 'seconds',
    min: 0,
    max: 600,
    fallback: 0,
  }),
  drainSpread: number({
    group: RUNNING,
    help: 'seconds over which clients that were told to leave reconnect',
    unit: 'seconds',
    fraction: true,
    min: 0,
    max: 60,
    fallback: 5,
  }),
  drainDeadline: number({
    group: RUNNING,
    help: 'seconds after which clients still connected are closed',
    unit: 'seconds',
    fraction: true,
    min: 0,
    max: 600,
    fallback: 10,
  }),
} as const satisfies Record<string, Setting<never> | Setting<unknown>>;

export type SettingName = keyof typeof SCHEMA;

/** The values of all settings. */
export type Settings = { readonly [Name in SettingName]: (typeof SCHEMA)[Name] extends Setting<infer T> ? T : never };

/** The name of a setting in flags and files: `max-message` for `maxMessage`. */
export function kebabOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The name of a setting in the environment: `SWS_MAX_MESSAGE` for `maxMessage`. */
export function environmentNameOf(name: string): string {
  return `SWS_${kebabOf(name).replaceAll('-', '_').toUpperCase()}`;
}

function isWorkers(value: string): boolean {
  return /^[1-9]\d{0,2}$/.test(value) && Number(value) <= MAX_WORKERS;
}

/** How many processes the setting `workers` means. */
export function workersOf({ workers }: Pick<Settings, 'workers'>): number {
  return workers === 'auto' ? Math.min(MAX_WORKERS, availableParallelism()) : Number(workers);
}

function isAuthorizeUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname));
}

/** Parses `9100`, `127.0.0.1:9100` or `[::1]:9100`. Without an address it is loopback. */
export function parseListen(value: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):)?(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}
