import { isIP } from 'node:net';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { list, number, oneOf, onOff, type Setting, text } from './setting.js';

const LISTENING = 'Listening:';
const ACCESS = 'Who may use it:';
const LIMITS = 'Limits:';
const NODES = 'Many nodes as one relay (NATS):';
const RUNNING = 'Running:';

const MIB = 1_048_576;

/** Every setting of `sws-relay`: flags, environment, file, `--help` and the tables of the documentation come from here. */
export const SCHEMA = {
  port: number({
    group: LISTENING,
    help: 'where to listen; 0 for any free port',
    min: 0,
    max: 65_535,
    fallback: 8_787,
  }),
  host: text('address', {
    group: LISTENING,
    help: 'the interface to listen on',
    fallback: null,
    shown: '127.0.0.1; with --hosts, all',
  }),
  hosts: list('name', {
    group: LISTENING,
    help: 'names that clients dial: relay.example, or with a port that is not the usual one relay.example:8443. Registrations for others are refused',
    fallback: null,
    shown: 'loopback names',
    check: (name) => (/^[^\s/@?#]+$/.test(name) ? null : 'a name or name:port, without scheme or path'),
  }),
  cert: text<string | null>('file', {
    group: LISTENING,
    help: 'TLS certificate chain (PEM); reloaded when it changes',
    fallback: null,
  }),
  key: text<string | null>('file', { group: LISTENING, help: 'its private key (PEM)', fallback: null }),
  trustedProxies: list('address', {
    group: LISTENING,
    help: 'proxies whose X-Forwarded-For counts',
    fallback: null,
    check: (entry) => (isIP(entry.split('/')[0] ?? '') === 0 ? 'an IP address, or a range like 10.0.0.0/8' : null),
  }),
  waitForPort: number({
    group: LISTENING,
    help: 'seconds to wait for a port that another process still has: the one that this one replaces',
    unit: 'seconds',
    min: 0,
    max: 3_600,
    fallback: 0,
  }),
  chat: onOff({ group: LISTENING, help: 'serve the chat page at / and at every address', fallback: true }),
  metrics: onOff({ group: LISTENING, help: 'serve /metrics (Prometheus)', fallback: true }),
  metricsListen: text<string | null>('[address:]port', {
    group: LISTENING,
    help: 'serve /metrics, /healthz and /readyz there, and /metrics there alone',
    fallback: null,
    shown: 'with the rest',
    check: (value) => (parseListen(value) === null ? 'port, or address:port' : null),
  }),

  allow: text<string | null>('file', {
    group: ACCESS,
    help: 'only the keys in this file, one a line; reloaded when it changes',
    fallback: null,
    shown: 'every key',
  }),
  tokens: text<string | null>('file', {
    group: ACCESS,
    help: 'only clients that give a token of this file, one a line, a key after it binds it to that key; reloaded when it changes',
    fallback: null,
    shown: 'no token',
  }),
  origins: list('origin', {
    group: ACCESS,
    help: 'pages that may connect, as in https://chat.example',
    fallback: null,
    shown: 'any page',
    check: (value) => (/^https?:\/\/[^\s/]+$/.test(value) ? null : 'an origin: https://name, without a path'),
  }),

  maxMessage: number({
    group: LIMITS,
    help: 'the largest message',
    unit: 'bytes',
    min: 65_536,
    max: MIB,
    fallback: 65_536,
  }),
  messagesPerSecond: number({
    group: LIMITS,
    help: 'per client; over it the client is paused',
    min: 1,
    max: 1_000_000,
    fallback: 1_000,
  }),
  bytesPerSecond: number({
    group: LIMITS,
    help: 'per client; over it the client is paused',
    unit: 'bytes',
    min: 65_536,
    max: 1_024 * MIB,
    fallback: 8 * MIB,
  }),
  messagesPerSecondPerAddress: number<number | null>({
    group: LIMITS,
    help: 'for all clients of one address (IPv6: /64) together',
    min: 1,
    max: 100_000_000,
    fallback: null,
    shown: 'ten times one client’s',
  }),
  bytesPerSecondPerAddress: number<number | null>({
    group: LIMITS,
    help: 'for all clients of one address together',
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
    shown: 'what the process may have open',
  }),
  maxPending: number({
    group: LIMITS,
    help: 'connections that have not registered, in all',
    min: 1,
    max: 1_000_000,
    fallback: 1_000,
  }),
  maxPendingPerAddress: number({
    group: LIMITS,
    help: 'the same per address (IPv6: /64)',
    min: 1,
    max: 1_000_000,
    fallback: 100,
  }),
  handshakeTimeout: number({
    group: LIMITS,
    help: 'seconds within which TLS and the HTTP request must be done',
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
    help: 'NATS servers, as in nats://10.0.0.5:4222; nodes that share them are one relay',
    fallback: null,
    shown: 'a relay by itself',
  }),
  nodeId: text<string | null>('name', {
    group: NODES,
    help: 'unique among the nodes',
    fallback: null,
    shown: 'random',
    check: (value) => (/^[A-Za-z0-9_-]{1,64}$/.test(value) ? null : 'up to 64 letters, digits, - and _'),
  }),
  natsPrefix: text('prefix', { group: NODES, help: 'the start of every subject', fallback: 'sws' }),
  natsUser: text<string | null>('name', { group: NODES, help: 'user at NATS', fallback: null }),
  natsPassword: text<string | null>('word', { group: NODES, help: 'its password', fallback: null, secret: true }),
  natsToken: text<string | null>('word', { group: NODES, help: 'token for NATS', fallback: null, secret: true }),
  natsCredentials: text<string | null>('file', {
    group: NODES,
    help: 'credentials file (JWT and seed), read again for each connection',
    fallback: null,
  }),
  natsCa: text<string | null>('file', { group: NODES, help: 'who vouches for the NATS server (PEM)', fallback: null }),
  natsCert: text<string | null>('file', { group: NODES, help: 'client certificate for NATS (PEM)', fallback: null }),
  natsKey: text<string | null>('file', { group: NODES, help: 'its private key (PEM)', fallback: null }),

  identity: text('file', {
    group: RUNNING,
    help: "the relay's own identity, created on first use",
    fallback: join(envPaths('sws', { suffix: '' }).config, 'relay-identity'),
  }),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    group: RUNNING,
    help: 'of the JSON lines on standard error: trace, debug (each connection), info, warn, error or silent',
    fallback: 'info',
  }),
  drainDelay: number({
    group: RUNNING,
    help: 'on SIGTERM, seconds from /readyz saying 503 to the first client being sent away: for load balancers',
    unit: 'seconds',
    min: 0,
    max: 600,
    fallback: 0,
  }),
  drainSpread: number({
    group: RUNNING,
    help: 'clients that are sent away come back spread over so many seconds',
    unit: 'seconds',
    fraction: true,
    min: 0,
    max: 60,
    fallback: 5,
  }),
  drainDeadline: number({
    group: RUNNING,
    help: 'seconds after which those that have not left are closed',
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

/** `maxMessage` as it is written in flags and files: `max-message`. */
export function kebabOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `maxMessage` as it is written in the environment: `SWS_MAX_MESSAGE`. */
export function environmentNameOf(name: string): string {
  return `SWS_${kebabOf(name).replaceAll('-', '_').toUpperCase()}`;
}

/** `9100`, `127.0.0.1:9100` or `[::1]:9100`; loopback where no address is given. */
export function parseListen(value: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):)?(\d{1,5})$/.exec(value);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}
