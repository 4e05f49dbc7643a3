import { readFile, stat, writeFile } from 'node:fs/promises';
import decodeQR from 'qr/decode.js';
import { expect, test } from 'vitest';
import { type Contacts, checkName } from '../dist/contacts.js';
import { parseDestination } from '../dist/destination.js';
import { useStage } from './sws.js';

const stage = useStage();
const ADDRESS = `${'12'.repeat(31)}00`;
const CONTACTS: Contacts = new Map(
  ['alice', 'alina', 'böb'].map((name) => [name, { address: ADDRESS, relay: 'wss://relay.example', allow: [] }]),
);
const RELAY = 'ws://127.0.0.1:1';

test.each([
  ['alice', { relay: 'wss://relay.example/', peer: ADDRESS, resource: '/' }],
  ['alice/postgres', { relay: 'wss://relay.example/', peer: ADDRESS, resource: '/postgres' }],
  ['böb', { relay: 'wss://relay.example/', peer: ADDRESS, resource: '/' }],
  [ADDRESS, { relay: `${RELAY}/`, peer: ADDRESS, resource: '/' }],
  [`${ADDRESS}/web`, { relay: `${RELAY}/`, peer: ADDRESS, resource: '/web' }],
  [`https://relay.example/sub/${ADDRESS}`, { relay: 'https://relay.example/sub/', peer: ADDRESS, resource: '/' }],
  [`wss://relay.example/${ADDRESS}?x=1`, { relay: 'wss://relay.example/', peer: ADDRESS, resource: '/?x=1' }],
])('%s names a peer', (text, destination) => {
  expect(parseDestination(text, RELAY, CONTACTS)).toEqual(destination);
});

test.each([
  ['alcie', /do you mean alice/],
  ['ali', /do you mean alice, alina/],
  ['somebody', /the most similar contact is/],
  ['', /neither a contact nor an address/],
  [ADDRESS.toUpperCase().replace('1', 'A'), /in lower case/],
  [ADDRESS.slice(1), /64 hex digits, and this has 63/],
  [`${ADDRESS}0`, /64 hex digits, and this has 65/],
  ['f'.repeat(64), /a digit is wrong/],
  ['0'.repeat(64), /a digit is wrong/],
  ['wss://relay.example/', /a link looks like wss:\/\/relay\/<address>/],
  [`ftp://relay.example/${ADDRESS}`, /a link looks like wss:\/\/relay\/<address>/],
])('%j names no peer, and the error says why', (text, why) => {
  expect(() => parseDestination(text, RELAY, CONTACTS)).toThrow(why);
});

test.each(['', '-a', '.a', 'a b', 'a/b', 'a\u202eb', '\u001b[2J', ADDRESS, 'a'.repeat(65)])(
  '%j is refused as a name',
  (name) => {
    expect(() => checkName(name)).toThrow('cannot be a name');
  },
);

test('a contact is added with a fingerprint, used by name, listed, and removed with its permissions', {
  timeout: 150_000,
}, async () => {
  const bob = stage.now.as('bob', 'id', '--link');
  await bob.exit;
  const link = bob.output.trim();
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{64}$/);
  const added = stage.now.as('alice', 'contacts', 'add', 'bob', link);
  expect(await added.exit).toBe(0);
  const digits = /fingerprint ((?:\d{5} ?){8})/.exec(added.output)?.[1]?.trim();
  const own = stage.now.as('alice', 'id');
  await own.exit;
  const compared = stage.now.as('bob', 'fingerprint', own.output.trim());
  await compared.exit;
  expect(compared.output.trim()).toBe(digits);

  const receiver = stage.now.as('bob', 'recv', '--out', 'in', '--accept-all', '--once');
  await receiver.says(/receiving as/);
  await writeFile(stage.now.path('file'), 'hello');
  const sent = stage.now.run(['send', 'file', 'bob'], {
    XDG_CONFIG_HOME: stage.now.path('alice'),
    SWS_RELAY: 'ws://127.0.0.1:1', // the link has told where he is
  });
  expect(await sent.exit).toBe(0);
  expect(sent.errors).toContain('connected to bob (');
  expect(await readFile(stage.now.path('in', 'file'), 'utf8')).toBe('hello');

  const typo = stage.now.as('alice', 'send', 'file', 'bub');
  expect(await typo.exit).toBe(1);
  expect(typo.errors).toContain('do you mean bob?');
  const taken = stage.now.as('alice', 'contacts', 'add', 'bob', ADDRESS);
  expect(await taken.exit).toBe(1);
  expect(taken.errors).toContain('--force');
  const path = stage.now.path('alice', 'sws', 'contacts.toml');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const removed = stage.now.as('alice', 'contacts', 'remove', 'bob');
  expect(await removed.exit).toBe(0);
  const listed = stage.now.as('alice', 'contacts');
  await listed.exit;
  expect(listed.output).toBe('');

  await writeFile(path, '[bob]\naddress = "nobody"\n');
  const damaged = stage.now.as('alice', 'contacts');
  expect(await damaged.exit).toBe(1);
  expect(damaged.errors).toContain('bob has no valid address');
});

test('two commands that add contacts at once both succeed', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const adding = names.map((name) => stage.now.as('alice', 'contacts', 'add', name, ADDRESS).exit);
  expect(await Promise.all(adding)).toEqual([0, 0, 0, 0]);
  const listed = stage.now.as('alice', 'contacts', '--json');
  await listed.exit;
  expect(
    listed.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name)
      .sort(),
  ).toEqual(names);
});

test('id --qr encodes your link', async () => {
  const shown = stage.now.as('bob', 'id', '--qr', '--relay', 'wss://relay.example');
  expect(await shown.exit).toBe(0);
  const lines = shown.output.trimEnd().split('\n');
  const link = lines.pop() ?? '';
  expect(link).toMatch(/^https:\/\/relay\.example\/[0-9a-f]{64}$/);
  expect(readQR(lines)).toBe(link);
});

/** Reads a code that is drawn with two rows a line. */
function readQR(lines: readonly string[]): string {
  const scale = 4;
  const rows = lines.flatMap((line) => [
    [...line].map((half) => half === '█' || half === '▀'),
    [...line].map((half) => half === '█' || half === '▄'),
  ]);
  const width = Math.max(...rows.map((row) => row.length)) * scale;
  const height = rows.length * scale;
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const isLight = rows[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      data.fill(isLight ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  return decodeQR({ width, height, data });
}
