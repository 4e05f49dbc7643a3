import { expect, test } from 'vitest';
import { useStage } from './sws.js';

const stage = useStage();
const COMMANDS = [
  'id',
  'keygen',
  'export',
  'import',
  'fingerprint',
  'listen',
  'connect',
  'serve',
  'open',
  'send',
  'recv',
  'agent',
  'contacts',
  'doctor',
  'completion',
];

test.each([
  ['no such command', ['frobnicate'], /unknown command/],
  ['no such option', ['id', '--frobnicate'], /unknown option/],
  ['a URL without an address', ['connect', 'ws://127.0.0.1:1/'], /a link looks like wss/],
  ['an address in upper case', ['connect', 'AB'.repeat(32)], /in lower case/],
  ['a wait that is not a number', ['connect', 'ws://127.0.0.1:1/', '--wait', 'long'], /number of seconds/],
  ['a malformed key to accept', ['listen', '--allow', 'AB'], /address/],
  ['no port', ['open', '12'.repeat(32)], /--port/],
  ['a port out of range', ['serve', '--accept-all', '70000'], /a port must be 1–65535, got 70000/],
  ['a port of UDP', ['serve', '--accept-all', '53/udp'], /UDP is not carried/],
  ['no port to serve', ['serve', '--accept-all'], /name 1 to 256 services/],
  ['two ports without names', ['serve', '--accept-all', '1', '2'], /several services each need a name/],
  ['two services of one name', ['serve', '--accept-all', 'a=1', 'a=2'], /two services have the name a/],
  ['a service with a slash', ['serve', '--accept-all', 'a/b=1'], /cannot be a service's name/],
  ['nobody to serve', ['serve', '22'], /nobody may connect: use --allow/],
  ['nobody to listen to', ['listen'], /nobody may connect: use --allow/],
  ['nobody to receive from', ['recv'], /nobody may connect: use --allow/],
  ['an unknown name', ['connect', 'alice'], /there are no contacts yet/],
  ['a file and no address', ['send', 'file'], /missing required argument 'address'/],
  ['a name for two files', ['send', '--name', 'x', 'a', 'b', '12'.repeat(32)], /--name works with one file only/],
  ['an invalid size', ['recv', '--max-size', 'much'], /number of bytes/],
  ['an unknown shell', ['completion', 'tcsh'], /Allowed choices/],
  ['no address to compare with', ['fingerprint', 'me'], /address/],
])('%s: exit code 1 and a helpful message', async (_what, args, words) => {
  const command = stage.now.sws(...args);
  expect(await command.exit).toBe(1);
  expect(command.errors).toMatch(words);
  expect(command.output).toBe('');
});

test('each command’s --help has examples and explains its exit codes', async () => {
  const helps = COMMANDS.map(async (name) => {
    const help = stage.now.sws(name, '--help');
    expect(await help.exit).toBe(0);
    expect(help.output).toMatch(new RegExp(`^Usage: sws ${name}`));
    expect(help.output).toMatch(/Examples:\n( {2}# .*\n {2}.*sws .*\n)+\nExit codes:\n {2}0 {2}\S/);
  });
  await Promise.all(helps);
  const version = stage.now.sws('--version');
  expect(await version.exit).toBe(0);
  expect(version.output).toMatch(/^\d+\.\d+\.\d+/);
  const all = stage.now.sws('--help');
  await all.exit;
  for (const name of COMMANDS) expect(all.output).toMatch(new RegExp(`^  ${name} `, 'm'));
});
