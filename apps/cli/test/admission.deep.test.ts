import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { fingerprint } from '@sws/crypto';
import { expect, test } from 'vitest';
import { type Command, useStage } from './sws.js';
import { Terminal } from './terminal.js';

const stage = useStage();

async function address(user: string): Promise<string> {
  const id = stage.now.as(user, 'id');
  await id.exit;
  return id.output.trim();
}

test('at a terminal serve asks about each key, with its fingerprint; it keeps "always"', {
  timeout: 120_000,
}, async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end('welcome')).unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  const terminal = Terminal.sws(stage.now, 'serve', port);
  const bob = await terminal.shows(/serving \S+ as ([0-9a-f]{64})/);
  const [alice, carol, mallory] = await Promise.all(['alice', 'carol', 'mallory'].map(address));
  const keys = { alice, carol, mallory } as Readonly<Record<'alice' | 'carol' | 'mallory', string>>;
  const connect = (user: string): Command => {
    const command = stage.now.as(user, 'connect', bob);
    command.child.stdin.end();
    return command;
  };
  const answer = async (user: keyof typeof keys, key: string): Promise<Command> => {
    terminal.shown = '';
    const command = connect(user);
    await terminal.shows(/wants to connect \(serve localhost:\d+\)/);
    expect(terminal.shown).toContain(keys[user]);
    expect(terminal.shown).toContain(fingerprint(bob, keys[user]));
    terminal.type(`${key}\r`);
    return command;
  };
  const declined = await answer('mallory', 'n');
  expect(await declined.exit).toBe(2);
  expect(declined.errors).toContain('declined');
  const once_ = await answer('alice', 'y');
  expect([await once_.exit, once_.output]).toEqual([0, 'welcome']);
  const kept = await answer('carol', 'a');
  expect([await kept.exit, kept.output]).toEqual([0, 'welcome']);

  // None of them is asked about again.
  terminal.shown = '';
  const again = ['mallory', 'alice', 'carol'].map(connect);
  const exits = await Promise.all(again.map(({ exit }) => exit));
  expect(exits, again.map(({ errors }) => errors).join('')).toEqual([2, 0, 0]);
  expect(terminal.shown).not.toContain('wants to connect');
  terminal.type('\u0003');
  expect(await terminal.exit).toBe(0);

  const contacts = await readFile(stage.now.path('bob', 'sws', 'contacts.toml'), 'utf8');
  expect(contacts).toContain(keys.carol);
  expect(contacts).not.toContain(keys.alice);
  // Without a terminal those who are always let in are, and nobody else.
  const served = stage.now.as('bob', 'serve', port);
  await served.says(/serving/);
  expect(await connect('carol').exit).toBe(0);
  const stranger = connect('alice');
  expect(await stranger.exit).toBe(1);
  expect(stranger.errors).toContain('refused');
});
