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
  'completion',
];

test.each([
  ['no such command', ['frobnicate'], /unknown command/],
  ['no such option', ['id', '--frobnicate'], /unknown option/],
  ['a URL without an address', ['connect', 'ws://127.0.0.1:1/'], /neither/],
  ['an address in upper case', ['connect', 'AB'.repeat(32)], /neither/],
  ['a wait that is no number', ['connect', 'ws://127.0.0.1:1/', '--wait', 'long'], /number of seconds/],
  ['a malformed key to accept', ['listen', '--from', 'AB'], /address/],
  ['no port', ['open', '12'.repeat(32)], /--port/],
  ['a port out of range', ['serve', '70000'], /from 1 to 65535/],
  ['a file and no address', ['send', 'file'], /missing required argument 'address'/],
  ['a name for two files', ['send', '--name', 'x', 'a', 'b', '12'.repeat(32)], /for one file/],
  ['a size that is none', ['recv', '--max-size', 'much'], /number of bytes/],
  ['no shell of ours', ['completion', 'tcsh'], /Allowed choices/],
  ['no address to compare with', ['fingerprint', 'me'], /address/],
])('%s: exit code 1, and words that help', async (_what, args, words) => {
  const command = stage.now.sws(...args);
  expect(await command.exit).toBe(1);
  expect(command.errors).toMatch(words);
  expect(command.output).toBe('');
});

test('each command’s --help has examples and says what its exit codes mean', async () => {
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
