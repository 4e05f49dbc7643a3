import type { NatsBackplaneOptions } from '@sws/router-nats';
import { afterEach, expect, test, vi } from 'vitest';
import { openNats } from '../src/nats.js';
import { boundsOf, changesBetween, relayOptionsOf } from '../src/relay-options.js';
import { loadSettings } from '../src/settings/load.js';
import { kebabOf, SCHEMA, type SettingName, type Settings } from '../src/settings/schema.js';

const nats = vi.hoisted(() => ({ asked: [] as unknown[], fails: null as unknown }));
vi.mock('@sws/router-nats', () => ({
  natsBackplane: async (options: NatsBackplaneOptions) => {
    nats.asked.push(options);
    if (nats.fails !== null) throw nats.fails;
    return 'backplane';
  },
}));
afterEach(() => {
  nats.asked = [];
  nats.fails = null;
});

const none = loadSettings({}, {}, () => {});
/** These settings have the names of their options. */
const CAPACITY = {
  maxConnections: 9,
  maxConnectionsPerAddress: 10,
  maxQueuedBytes: 70_011,
  maxQueuedBytesPerAddress: 70_012,
  maxPending: 13,
  maxPendingPerAddress: 14,
};
/** Every number another than all the others. */
const all: Settings = {
  ...none,
  port: 1,
  host: '::1',
  hosts: ['relay.example'],
  cert: 'c.pem',
  key: 'k.pem',
  trustedProxies: ['10.0.0.0/8'],
  waitForPort: 2,
  chat: false,
  metrics: false,
  metricsListen: '[::1]:3',
  origins: ['https://chat.example'],
  maxMessage: 4,
  messagesPerSecond: 5,
  bytesPerSecond: 6,
  messagesPerSecondPerAddress: 7,
  bytesPerSecondPerAddress: 8,
  ...CAPACITY,
  handshakeTimeout: 15,
  keepalive: 16,
  nodeId: 'n1',
  admin: 'admin.sock',
};
const BOUNDS = {
  limits: { messagesPerSecond: 5, bytesPerSecond: 6 },
  addressLimits: { messagesPerSecond: 7, bytesPerSecond: 8 },
  ...CAPACITY,
};

test('each setting goes to its option, seconds as milliseconds', () => {
  expect(boundsOf(all)).toEqual(BOUNDS);
  expect(relayOptionsOf(all)).toEqual({
    ...BOUNDS,
    limits: { ...BOUNDS.limits, maxMessage: 4 },
    port: 1,
    host: '::1',
    hosts: ['relay.example'],
    tls: { cert: 'c.pem', key: 'k.pem' },
    trustedProxies: ['10.0.0.0/8'],
    waitForPortMs: 2_000,
    chat: false,
    metrics: false,
    metricsListen: { host: '::1', port: 3 },
    origins: ['https://chat.example'],
    handshakeTimeoutMs: 15_000,
    keepalive: 16,
    nodeId: 'n1',
    admin: 'admin.sock',
  });
});

test('an unset setting is absent; TLS needs both certificate and key', () => {
  const optional = ['host', 'hosts', 'tls', 'trustedProxies', 'metricsListen', 'origins', 'nodeId', 'admin'];
  const options = relayOptionsOf(none);
  for (const name of [...optional, 'maxConnections']) expect(name in options, name).toBe(false);
  expect(options.addressLimits).toEqual({});
  for (const half of ['cert', 'key']) expect('tls' in relayOptionsOf({ ...all, [half]: null }), half).toBe(false);
});

test('limits change while the relay runs, other settings at the next start', () => {
  const changed = Object.keys(boundsOf(all)).flatMap((name) =>
    name === 'limits' || name === 'addressLimits'
      ? ['messagesPerSecond', 'bytesPerSecond'].map((rate) => (name === 'limits' ? rate : `${rate}PerAddress`))
      : [name],
  );
  for (const name of Object.keys(SCHEMA) as SettingName[]) {
    const at = changed.includes(name) ? 'changed' : 'unchanged';
    const now = { ...all, [name]: 'another' } as Settings;
    expect(changesBetween(all, now), name).toEqual({ changed: [], unchanged: [], [at]: [kebabOf(name)] });
  }
  // A list that is read anew is no other list.
  expect(changesBetween(all, { ...all, hosts: ['relay.example'] })).toEqual({ changed: [], unchanged: [] });
});

test('NATS gets exactly the options that the settings give', async () => {
  const onEvent = () => {};
  expect(await openNats(none, onEvent)).toBeUndefined();
  expect(nats.asked).toEqual([]);
  expect(await openNats({ ...none, nats: ['nats://a:1'] }, onEvent)).toBe('backplane');
  const secrets = { natsUser: 'me', natsPassword: 'p', natsToken: 't', natsCredentials: 'n.creds' };
  const files = { natsCa: 'ca.pem', natsCert: 'nc.pem', natsKey: 'nk.pem' };
  await openNats({ ...none, nats: ['nats://a:1', 'nats://b:2'], natsPrefix: 'p', ...secrets, ...files }, onEvent);
  await openNats({ ...none, nats: ['nats://a:1'], natsCa: 'ca.pem' }, onEvent);
  expect(nats.asked).toEqual([
    { prefix: 'sws', connection: { servers: ['nats://a:1'], name: 'sws-relay' }, onEvent },
    {
      prefix: 'p',
      credentialsFile: 'n.creds',
      connection: {
        servers: ['nats://a:1', 'nats://b:2'],
        name: 'sws-relay',
        user: 'me',
        pass: 'p',
        token: 't',
        tls: { caFile: 'ca.pem', certFile: 'nc.pem', keyFile: 'nk.pem' },
      },
      onEvent,
    },
    {
      prefix: 'sws',
      connection: { servers: ['nats://a:1'], name: 'sws-relay', tls: { caFile: 'ca.pem' } },
      onEvent,
    },
  ]);
  nats.fails = new Error('refused');
  await expect(openNats({ ...none, nats: ['nats://a:1', 'nats://b:2'] }, onEvent)).rejects.toThrow(
    /^nats: nats:\/\/a:1, nats:\/\/b:2: refused$/,
  );
});
