import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@sws/testing/relay-process';
import { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { flagsOf, withSettings } from '../src/settings/command-line.js';
import { loadSettings } from '../src/settings/load.js';
import { environmentNameOf, kebabOf, parseListen, SCHEMA, type Settings } from '../src/settings/schema.js';
import type { Setting } from '../src/settings/setting.js';

const folder = temporaryFolder();
afterAll(folder.remove);

function load(args: string[], env: Record<string, string> = {}, warn: (message: string) => void = () => {}): Settings {
  const command = withSettings(new Command()).exitOverride();
  command.configureOutput({ writeErr: () => {} }).parse(args, { from: 'user' });
  return loadSettings(flagsOf(command), env, warn);
}
function config(content: string): string {
  const path = folder.path('relay.toml');
  writeFileSync(path, content);
  return path;
}

/** A value that is not the default, as text, and what it is read as. */
const SAMPLES: Record<keyof typeof SCHEMA, [string, unknown]> = {
  port: ['9001', 9001],
  host: ['::1', '::1'],
  hosts: ['a.example,b.example:8443', ['a.example', 'b.example:8443']],
  cert: ['c.pem', 'c.pem'],
  key: ['k.pem', 'k.pem'],
  trustedProxies: ['10.0.0.0/8,::1', ['10.0.0.0/8', '::1']],
  waitForPort: ['30', 30],
  chat: ['false', false],
  metrics: ['off', false],
  metricsListen: ['[::1]:9100', '[::1]:9100'],
  allow: ['keys', 'keys'],
  tokens: ['tokens', 'tokens'],
  authorizeUrl: ['https://accounts.example/relay', 'https://accounts.example/relay'],
  authorizeTimeout: ['0.5', 0.5],
  authorizeSecret: ['secret', 'secret'],
  origins: ['https://chat.example', ['https://chat.example']],
  maxMessage: ['131072', 131_072],
  messagesPerSecond: ['50', 50],
  bytesPerSecond: ['1000000', 1_000_000],
  messagesPerSecondPerAddress: ['500', 500],
  bytesPerSecondPerAddress: ['2000000', 2_000_000],
  maxConnections: ['1000', 1_000],
  maxConnectionsPerAddress: ['100', 100],
  maxQueuedBytes: ['100000000', 100_000_000],
  maxQueuedBytesPerAddress: ['10000000', 10_000_000],
  maxPending: ['10', 10],
  maxPendingPerAddress: ['5', 5],
  handshakeTimeout: ['3', 3],
  keepalive: ['20', 20],
  nats: ['nats://a:4222,nats://b:4222', ['nats://a:4222', 'nats://b:4222']],
  nodeId: ['n1', 'n1'],
  natsPrefix: ['relay', 'relay'],
  natsUser: ['me', 'me'],
  natsPassword: ['secret', 'secret'],
  natsToken: ['secret', 'secret'],
  natsCredentials: ['n.creds', 'n.creds'],
  natsCa: ['ca.pem', 'ca.pem'],
  natsCert: ['nc.pem', 'nc.pem'],
  natsKey: ['nk.pem', 'nk.pem'],
  workers: ['auto', 'auto'],
  identity: ['id', 'id'],
  admin: ['admin.sock', 'admin.sock'],
  logLevel: ['debug', 'debug'],
  drainDelay: ['7', 7],
  drainSpread: ['2.5', 2.5],
  drainDeadline: ['20', 20],
};
const names = Object.keys(SCHEMA) as (keyof typeof SCHEMA)[];

test.each(names)('%s can be set on the command line, in the environment and in the file', (name) => {
  const [text, value] = SAMPLES[name];
  const setting: Setting<unknown> = SCHEMA[name];
  // What it can't be without comes along.
  const pairs: Partial<Record<keyof typeof SCHEMA, string>> = { cert: 'c', key: 'k', natsCert: 'nc', natsKey: 'nk' };
  const company: Record<string, string> =
    name.startsWith('nats') || name === 'nodeId' ? { SWS_NATS: 'nats://x:1' } : {};
  for (const other of names) if (pairs[other] !== undefined) company[environmentNameOf(other)] = pairs[other];
  company.SWS_NATS ??= 'nats://x:1';
  if (name === 'natsPassword') company.SWS_NATS_USER = 'me';
  if (name === 'authorizeSecret') company.SWS_AUTHORIZE_URL = 'https://a.example';
  delete company[environmentNameOf(name)];

  expect(load([], { ...company, [environmentNameOf(name)]: text })[name]).toEqual(value);
  const written = setting.kind === 'list' ? JSON.stringify(value) : JSON.stringify(value);
  expect(load(['--config', config(`${kebabOf(name)} = ${written}`)], company)[name]).toEqual(value);
  if (setting.secret) return;
  const flags = setting.kind === 'switch' ? [`--no-${kebabOf(name)}`] : [`--${kebabOf(name)}`, ...text.split(',')];
  expect(load(flags, company)[name]).toEqual(value);
});

const MIB = 1_048_576;
/** Least, most, and the default. */
const RANGES: readonly (readonly [keyof typeof SCHEMA, least: number, most: number, fallback: number | null])[] = [
  ['port', 0, 65_535, 8_787],
  ['waitForPort', 0, 3_600, 0],
  ['maxMessage', 65_536, MIB, 65_536],
  ['messagesPerSecond', 1, 1_000_000, 1_000],
  ['bytesPerSecond', 65_536, 1_024 * MIB, 8 * MIB],
  ['messagesPerSecondPerAddress', 1, 100_000_000, null],
  ['bytesPerSecondPerAddress', 65_536, 102_400 * MIB, null],
  ['maxConnections', 1, 10_000_000, null],
  ['maxConnectionsPerAddress', 1, 10_000_000, 1_000],
  ['maxQueuedBytes', MIB, MIB * MIB, 512 * MIB],
  ['maxQueuedBytesPerAddress', MIB, MIB * MIB, 64 * MIB],
  ['maxPending', 1, 1_000_000, 1_000],
  ['maxPendingPerAddress', 1, 1_000_000, 100],
  ['handshakeTimeout', 1, 60, 10],
  ['keepalive', 5, 60, 15],
  ['authorizeTimeout', 0.1, 10, 5],
  ['drainDelay', 0, 600, 0],
  ['drainSpread', 0, 60, 5],
  ['drainDeadline', 0, 600, 10],
];

test.each(RANGES)('%s is from %f to %f, by default %s', (name, least, most, fallback) => {
  const { parse, fallback: given }: Setting<unknown> = SCHEMA[name];
  expect([parse(String(least)), parse(String(most)), given]).toEqual([least, most, fallback]);
  for (const value of [least - 1, most + 1]) expect(() => parse(String(value))).toThrow(`from ${least} to ${most}`);
  const takesFractions = ['authorizeTimeout', 'drainSpread', 'drainDeadline'].includes(name);
  const half = () => parse(String(least + 0.5));
  if (takesFractions) expect(half()).toBe(least + 0.5);
  else expect(half).toThrow('a whole number from');
});

test('every number setting is in the table above; the other defaults are as listed', () => {
  const others = names.filter((name) => RANGES.every(([known]) => known !== name));
  for (const name of others) {
    const { parse }: Setting<unknown> = SCHEMA[name];
    expect(() => parse('')).toThrow(/^(?!.*number)/);
  }
  const defaults = others.map((name) => [name, SCHEMA[name].fallback] as const).filter(([, value]) => value !== null);
  expect(Object.fromEntries(defaults)).toEqual({
    chat: true,
    metrics: true,
    natsPrefix: 'sws',
    workers: '1',
    identity: expect.stringMatching(/sws.relay-identity$/),
    logLevel: 'info',
  });
});

test('the command line overrides the environment, that the file, that the default', () => {
  const file = config('max-pending = 1\nmax-pending-per-address = 1\nkeepalive = 20\n# a comment\n');
  const env = { SWS_MAX_PENDING: '2', SWS_MAX_PENDING_PER_ADDRESS: '2' };
  const settings = load(['--config', file, '--max-pending', '3'], env);
  expect(settings).toMatchObject({ maxPending: 3, maxPendingPerAddress: 2, keepalive: 20, port: 8787 });
  expect(load([], { SWS_CONFIG: file }).keepalive).toBe(20);
});

describe('a mistake names the setting and its source', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'a port that is none',
      ['--port', '70000'],
      {},
      /^port must be a whole number from 0 to 65535, got '70000' \(from --port\)$/,
    ],
    ['in the environment', [], { SWS_PORT: '-1' }, /port must be .*, got '-1' \(from SWS_PORT\)/],
    ['a word for a number', [], { SWS_KEEPALIVE: 'often' }, /keepalive must be .*, got 'often' \(from SWS_KEEPALIVE\)/],
    ['a fraction', ['--max-message', '70000.5'], {}, /max-message must be a whole number/],
    ['an unknown level', ['--log-level', 'loud'], {}, /log-level must be one of trace, debug/],
    [
      'a URL for a name',
      ['--hosts', 'https://relay.example/'],
      {},
      /hosts must be a name or name:port, without scheme or path/,
    ],
    ['a proxy by name', ['--trusted-proxies', 'proxy.example'], {}, /trusted-proxies must be an IP address/],
    ['a switch', [], { SWS_CHAT: 'maybe' }, /chat must be true or false, got 'maybe' \(from SWS_CHAT\)/],
    ['half a pair', ['--cert', 'c.pem'], {}, /cert and key must be set together/],
    ['a NATS user without NATS', ['--nats-user', 'x'], {}, /nats-user needs nats/],
    [
      'a rate below one message',
      ['--bytes-per-second', '70000', '--max-message', '100000'],
      {},
      /at least max-message/,
    ],
    [
      'a file that is not there',
      ['--config', '/nowhere/relay.toml'],
      {},
      /config: cannot use \/nowhere\/relay\.toml: .*ENOENT/,
    ],
  ])('%s', (_, args, env, complaint) => {
    expect(() => load(args, env)).toThrow(complaint);
  });

  test('the file’s unknown names, wrong types and broken TOML are errors', () => {
    expect(() => load(['--config', config('max-mesage = 1')])).toThrow(
      /max-mesage is not a setting \(from .*relay\.toml\)/,
    );
    expect(() => load(['--config', config('port = [1]')])).toThrow(/port must be one value/);
    expect(() => load(['--config', config('hosts = [["a"]]')])).toThrow(/hosts must be a list of strings/);
    expect(() => load(['--config', config('port = ')])).toThrow(/config: cannot use .*relay\.toml/);
    expect(() => load(['--config', config('port = 70000')])).toThrow(
      /port must be .*, got '70000' \(from .*relay\.toml\)/,
    );
  });

  test('an error hides secrets, and a misspelt variable gives a warning', () => {
    expect(() => load([], { SWS_NATS: 'nats://x', SWS_NATS_PASSWORD: 'hunter2' })).toThrow(
      /^nats-password needs nats-user$/,
    );
    const warnings: string[] = [];
    const ofClients = { SWS_RELAY: 'wss://relay.example', SWS_PASSPHRASE: 'a secret' };
    load([], { SWS_PROT: '1', SWS_PORT: '', ...ofClients }, (message) => warnings.push(message));
    expect(warnings).toEqual(['SWS_PROT in the environment is not a setting']);
  });
});

test('--help shows each setting with its default, and no secret', () => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const { stdout } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  for (const [name, { secret, kind }] of Object.entries(SCHEMA)) {
    const flag = kind === 'switch' ? `--no-${kebabOf(name)}` : `--${kebabOf(name)} `;
    expect(stdout.includes(flag), flag).toBe(!secret);
  }
  expect(stdout).toContain('(default: 8787)');
  expect(stdout).not.toMatch(/\(default:\s*\)/);
  // Each value says what it is; seconds and bytes do so.
  for (const [, placeholder = ''] of stdout.matchAll(/^ {2}--[a-z-]+ <([^>]*)>/gm))
    expect(placeholder).toMatch(/^\S+$/);
  for (const name of ['wait-for-port', 'authorize-timeout', 'handshake-timeout', 'keepalive', 'drain-spread'])
    expect(stdout).toContain(`--${name} <seconds>`);
  for (const [name, setting] of Object.entries(SCHEMA)) {
    if (/bytes|maxMessage/i.test(name)) expect([name, setting.placeholder]).toEqual([name, 'bytes']);
    if (/drain|Timeout|keepalive/.test(name)) expect([name, setting.placeholder]).toEqual([name, 'seconds']);
  }
  const headings = [...stdout.matchAll(/^([A-Z].*):$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    'Settings',
    'Listening',
    'Who may use it',
    'Limits',
    'Many nodes as one relay (NATS)',
    'Running',
    ...headings.slice(6),
  ]);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

test('a value that is not a list may contain spaces and commas', () => {
  const env = { SWS_NATS: 'nats://a', SWS_NATS_USER: 'me', SWS_NATS_PASSWORD: 'two words, and more' };
  expect(load([], env).natsPassword).toBe('two words, and more');
  expect(load(['--allow', 'my keys, all'], {}).allow).toBe('my keys, all');
});

test('metrics-listen takes a port, or an address and port', () => {
  expect(parseListen('9100')).toEqual({ host: '127.0.0.1', port: 9100 });
  expect(parseListen('0.0.0.0:9100')).toEqual({ host: '0.0.0.0', port: 9100 });
  expect(parseListen('[::]:9100')).toEqual({ host: '::', port: 9100 });
  expect(parseListen('localhost:65535')).toEqual({ host: 'localhost', port: 65_535 });
  for (const wrong of ['', 'a', ':', '1.2.3.4', '::1:9100', '1.2.3.4:99999', '65536'])
    expect(parseListen(wrong)).toBeNull();
});

test.each<[keyof typeof SCHEMA, good: string[], bad: string[]]>([
  ['hosts', ['relay.example', 'relay.example:8443'], ['a/b', 'a@b', 'a?', 'a#', 'a b', '']],
  ['trustedProxies', ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'], ['proxy.example', '/8', '']],
  ['metricsListen', ['9100', '[::1]:9100'], ['x', '']],
  [
    'authorizeUrl',
    ['https://accounts.example/', 'http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]:2/'],
    ['http://accounts.example/', 'ftp://localhost/', 'localhost', ''],
  ],
  ['origins', ['https://chat.example', 'http://localhost:5173'], ['https://chat.example/', 'chat.example', 'null']],
  ['nodeId', ['n', 'A-1_z', 'x'.repeat(64)], ['', 'x'.repeat(65), 'a b', 'a.b']],
  ['workers', ['auto', '1', '128'], ['0', '129', '1000', '01', '1.5', '-1', 'all', '']],
  ['logLevel', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], ['', 'INFO', 'fatal']],
  ['chat', ['true', 'ON', 'yes', '1', 'false', 'off', 'No', '0'], ['', 'y', '2']],
  ['port', ['0', '00', '1.0'], ['1.5', '-1', '1e3', ' 1', '0x1', '']],
  ['drainSpread', ['0', '0.5', '60'], ['60.1', '.5', '']],
])('%s accepts exactly its values', (name, good, bad) => {
  const { parse }: Setting<unknown> = SCHEMA[name];
  for (const text of good) expect(() => parse(text), text).not.toThrow();
  for (const text of bad) expect(() => parse(text), text).toThrow();
});

test('a switch has four words for on and four for off', () => {
  const { parse }: Setting<unknown> = SCHEMA.chat;
  expect(['true', 'on', 'yes', '1'].map(parse)).toEqual([true, true, true, true]);
  expect(['false', 'off', 'no', '0'].map(parse)).toEqual([false, false, false, false]);
});

test('a setting that needs another names it', () => {
  const needs: [string[], Record<string, string>, string | null][] = [
    [['--key', 'k.pem'], {}, 'cert and key must be set together'],
    [['--nats', 'nats://a', '--nats-cert', 'c.pem'], {}, 'nats-cert and nats-key must be set together'],
    [['--nats', 'nats://a', '--nats-key', 'k.pem'], {}, 'nats-cert and nats-key must be set together'],
    [[], { SWS_NATS_TOKEN: 't' }, 'nats-token needs nats'],
    [['--nats-credentials', 'n.creds'], {}, 'nats-credentials needs nats'],
    [['--nats-ca', 'ca.pem'], {}, 'nats-ca needs nats'],
    [['--nats-cert', 'c.pem', '--nats-key', 'k.pem'], {}, 'nats-cert needs nats'],
    [['--node-id', 'n'], {}, 'node-id needs nats'],
    [['--nats-user', 'me'], { SWS_NATS_PASSWORD: 'p' }, 'nats-user needs nats'],
    [[], { SWS_AUTHORIZE_SECRET: 's' }, 'authorize-secret needs authorize-url'],
    [['--authorize-url', 'https://a.example'], {}, null],
    [['--bytes-per-second', '65536'], {}, null],
  ];
  for (const [args, env, complaint] of needs) {
    if (complaint === null) expect(() => load(args, env)).not.toThrow();
    else expect(() => load(args, env), complaint).toThrow(new RegExp(`^${complaint}$`));
  }
});

test('lists are separated by commas or spaces; an empty one is none', () => {
  expect(load(['--hosts', 'a,b', 'c'], {}).hosts).toEqual(['a', 'b', 'c']);
  expect(load([], { SWS_HOSTS: 'a, b  c,' }).hosts).toEqual(['a', 'b', 'c']);
  expect(load(['--config', config('hosts = []')]).hosts).toBeNull();
  expect(load(['--config', config('hosts = "a"')]).hosts).toEqual(['a']);
});
