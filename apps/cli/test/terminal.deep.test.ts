import { chmod, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { MAIN, useStage } from './sws.js';
import { SHOWS_MS, Terminal } from './terminal.js';

const stage = useStage();
test('a typed passphrase is not shown, is asked for twice when new, and opens the backup', async () => {
  const terminal = Terminal.sws(stage.now, 'export', '--identity', 'one');
  await terminal.shows(/New passphrase:/);
  terminal.type('open sesame\r');
  await terminal.shows(/Repeat the passphrase:/);
  terminal.type('open sesam\r');
  await terminal.shows(/The passphrases differ/);
  terminal.type('e\r');
  const sealed = await terminal.shows(/(sws-sealed-\S+)/);
  expect(await terminal.exit).toBe(0);
  expect(terminal.shown).not.toContain('sesam');
  const imported = stage.now.run(['import', '--identity', 'two'], { SWS_PASSPHRASE: 'open sesame' });
  imported.child.stdin.end(sealed);
  expect(await imported.exit).toBe(0);

  await writeFile(stage.now.path('backup'), sealed);
  const asked = Terminal.sws(stage.now, 'import', 'backup', '--identity', 'three');
  await asked.shows(/Passphrase:/);
  asked.type('open sesame\r');
  expect(await asked.exit).toBe(0);
  expect(await readFile(stage.now.path('three'), 'utf8')).toBe(await readFile(stage.now.path('one'), 'utf8'));

  const left = Terminal.sws(stage.now, 'export', '--identity', 'one');
  await left.shows(/New passphrase:/);
  left.type('\u0003');
  expect(await left.exit).toBe(1);
  expect(left.shown).not.toContain('sws-sealed');
});

test('at a terminal the receiver is asked with name and size, and both sides show a progress bar', async () => {
  await writeFile(stage.now.path('film.mkv'), '');
  await truncate(stage.now.path('film.mkv'), 20_000_000);
  const receiver = Terminal.sws(stage.now, 'recv', '--out', 'in');
  const address = await receiver.shows(/receiving as ([0-9a-f]{64})/);
  const alice = { XDG_CONFIG_HOME: stage.now.path('alice') };
  const refused = stage.now.run(['send', 'film.mkv', address], alice);
  await receiver.shows(/film\.mkv \(20 MB\).*Take it\?/s);
  receiver.type('n\r');
  expect(await refused.exit).toBe(2);
  expect(refused.errors).toContain('the receiver declined');
  expect(await readdir(stage.now.path('in'))).toEqual([]);

  receiver.shown = '';
  const sender = new Terminal(stage.now, process.execPath, [MAIN, 'send', 'film.mkv', address], alice);
  await receiver.shows(/Take it\?/s);
  receiver.type('y\r');
  for (const end of [sender, receiver])
    await end.shows(/film\.mkv +█+░+ +\d+% [\d.]+ MB of 20 MB, [\d.]+ MB\/s, \d+ s left/);
  expect(await sender.exit).toBe(0);
  expect(sender.shown).toMatch(/film\.mkv: delivered, 20000000 bytes, SHA-256 [0-9a-f]{64}/);
  // Lines that are longer than the terminal is wide wrap: none of a digest is cut off.
  expect(sender.shown).not.toContain('\u001b[?7l');
  await receiver.shows(/received as \S+film\.mkv/);
  receiver.type('\u0003');
  expect(await receiver.exit).toBe(0);
});

test('bash completes commands, options, values and files', async () => {
  await writeFile(stage.now.path('sws'), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  await chmod(stage.now.path('sws'), 0o755);
  await writeFile(stage.now.path('holiday.jpg'), '');
  const env = { PATH: `${stage.now.folder}:${process.env.PATH}`, PS1: '$ ', HOME: stage.now.folder };
  const bash = new Terminal(stage.now, 'bash', ['--norc', '-i'], env);
  bash.type('bind "set enable-bracketed-paste off"; source <(sws completion bash); echo rea""dy\r');
  await bash.shows(/ready/);
  const completes = async (typed: string, completed: string): Promise<void> => {
    bash.shown = '';
    bash.type(`${typed}\t`);
    await expect.poll(() => bash.shown, { timeout: SHOWS_MS }).toContain(completed);
    bash.type('\u0003');
    await bash.shows(/\^C/);
  };
  await completes('sws fing', 'sws fingerprint ');
  await completes('sws recv --max', 'sws recv --max-size ');
  await completes('sws completion fi', 'sws completion fish ');
  await completes('sws send holi', 'sws send holiday.jpg ');
  await completes('sws export --passphrase-file holi', 'sws export --passphrase-file holiday.jpg ');
});

test('the scripts of other shells call the same command', async () => {
  for (const [shell, register] of [
    ['zsh', 'compdef _sws_completion sws'],
    ['fish', 'complete -f'],
    ['pwsh', 'Register-ArgumentCompleter'],
  ] as const) {
    const script = stage.now.sws('completion', shell);
    expect(await script.exit).toBe(0);
    expect(script.output).toContain(register);
    expect(script.output).toContain('completion-server');
  }
  const asked = stage.now.run(['completion-server', '--', 'sws', 're'], {
    SHELL: 'zsh',
    COMP_CWORD: '1',
    COMP_LINE: 'sws re',
    COMP_POINT: '6',
  });
  expect(await asked.exit).toBe(0);
  expect(asked.output).toContain('recv:receive files into a folder');
});
