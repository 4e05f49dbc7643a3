import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../bench/src/relay-process.js';
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
  origins: ['https://chat.example', ['https://chat.example']],
  maxMessage: ['131072', 131_072],
  messagesPerSecond: ['50', 50],
  bytesPerSecond: ['1000000', 1_000_000],
  messagesPerSecondPerAddress: ['500', 500],
  bytesPerSecondPerAddress: ['2000000', 2_000_000],
  maxConnections: ['1000', 1_000],
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
  identity: ['id', 'id'],
  logLevel: ['debug', 'debug'],
  drainDelay: ['7', 7],
  drainSpread: ['2.5', 2.5],
  drainDeadline: ['20', 20],
};
const names = Object.keys(SCHEMA) as (keyof typeof SCHEMA)[];

test.each(names)('%s means the same on the command line, in the environment and in the file', (name) => {
  const [text, value] = SAMPLES[name];
  const setting: Setting<unknown> = SCHEMA[name];
  // What it can't be without comes along.
  const pairs: Partial<Record<keyof typeof SCHEMA, string>> = { cert: 'c', key: 'k', natsCert: 'nc', natsKey: 'nk' };
  const company: Record<string, string> =
    name.startsWith('nats') || name === 'nodeId' ? { SWS_NATS: 'nats://x:1' } : {};
  for (const other of names) if (pairs[other] !== undefined) company[environmentNameOf(other)] = pairs[other];
  company.SWS_NATS ??= 'nats://x:1';
  if (name === 'natsPassword') company.SWS_NATS_USER = 'me';
  delete company[environmentNameOf(name)];

  expect(load([], { ...company, [environmentNameOf(name)]: text })[name]).toEqual(value);
  const written = setting.kind === 'list' ? JSON.stringify(value) : JSON.stringify(value);
  expect(load(['--config', config(`${kebabOf(name)} = ${written}`)], company)[name]).toEqual(value);
  if (setting.secret) return;
  const flags = setting.kind === 'switch' ? [`--no-${kebabOf(name)}`] : [`--${kebabOf(name)}`, ...text.split(',')];
  expect(load(flags, company)[name]).toEqual(value);
});

test('the command line counts before the environment, that before the file, that before the default', () => {
  const file = config('max-pending = 1\nmax-pending-per-address = 1\nkeepalive = 20\n# a comment\n');
  const env = { SWS_MAX_PENDING: '2', SWS_MAX_PENDING_PER_ADDRESS: '2' };
  const settings = load(['--config', file, '--max-pending', '3'], env);
  expect(settings).toMatchObject({ maxPending: 3, maxPendingPerAddress: 2, keepalive: 20, port: 8787 });
  expect(load([], { SWS_CONFIG: file }).keepalive).toBe(20);
});

describe('a mistake names the setting and where it is from', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'a port that is none',
      ['--port', '70000'],
      {},
      /^port: a whole number from 0 to 65535 is wanted, not '70000' \(from --port\)$/,
    ],
    ['in the environment', [], { SWS_PORT: '-1' }, /port: .*not '-1' \(from SWS_PORT\)/],
    ['a word for a number', [], { SWS_KEEPALIVE: 'often' }, /keepalive: .*'often' \(from SWS_KEEPALIVE\)/],
    ['a fraction', ['--max-message', '70000.5'], {}, /max-message: a whole number/],
    ['an unknown level', ['--log-level', 'loud'], {}, /log-level: one of trace, debug/],
    [
      'a URL for a name',
      ['--hosts', 'https://relay.example/'],
      {},
      /hosts: a name or name:port, without scheme or path/,
    ],
    ['a proxy by name', ['--trusted-proxies', 'proxy.example'], {}, /trusted-proxies: an IP address/],
    ['a switch', [], { SWS_CHAT: 'maybe' }, /chat: true or false is wanted, not 'maybe' \(from SWS_CHAT\)/],
    ['half a pair', ['--cert', 'c.pem'], {}, /cert and key: both or none/],
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
      /config: \/nowhere\/relay\.toml can't be used: .*ENOENT/,
    ],
  ])('%s', (_, args, env, complaint) => {
    expect(() => load(args, env)).toThrow(complaint);
  });

  test('in the file: unknown names, wrong kinds, broken TOML', () => {
    expect(() => load(['--config', config('max-mesage = 1')])).toThrow(
      /max-mesage is no setting \(from .*relay\.toml\)/,
    );
    expect(() => load(['--config', config('port = [1]')])).toThrow(/port: one value is wanted/);
    expect(() => load(['--config', config('hosts = [["a"]]')])).toThrow(/hosts: a list of texts is wanted/);
    expect(() => load(['--config', config('port = ')])).toThrow(/config: .*relay\.toml can't be used/);
    expect(() => load(['--config', config('port = 70000')])).toThrow(/port: .*'70000' \(from .*relay\.toml\)/);
  });

  test('a secret is not repeated, and a misspelt variable is warned of', () => {
    expect(() => load([], { SWS_NATS: 'nats://x', SWS_NATS_PASSWORD: 'hunter2' })).toThrow(
      /^nats-password needs nats-user$/,
    );
    const warnings: string[] = [];
    load([], { SWS_PROT: '1', SWS_PORT: '' }, (message) => warnings.push(message));
    expect(warnings).toEqual(['SWS_PROT in the environment is no setting']);
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
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

test('where to listen for metrics: a port, or an address and a port', () => {
  expect(parseListen('9100')).toEqual({ host: '127.0.0.1', port: 9100 });
  expect(parseListen('0.0.0.0:9100')).toEqual({ host: '0.0.0.0', port: 9100 });
  expect(parseListen('[::]:9100')).toEqual({ host: '::', port: 9100 });
  for (const wrong of ['', 'a', ':', '1.2.3.4', '::1:9100', '1.2.3.4:99999']) expect(parseListen(wrong)).toBeNull();
});
