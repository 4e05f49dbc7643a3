import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { useStage } from './sws.js';

const stage = useStage();

test('the user’s identity is created once, and not replaced while commands use it', async () => {
  const first = stage.now.sws('id');
  expect(await first.exit).toBe(0);
  const listener = stage.now.sws('listen', '--accept-all');
  const address = await listener.says(/listening as ([0-9a-f]{64})/);
  expect(first.output.trim()).toBe(address);
  const second = stage.now.sws('keygen', '--force');
  expect(await second.exit).toBe(1);
  expect(second.errors).toContain('in use by another process');
  // Its address is told all the same.
  const told = stage.now.sws('id');
  expect(await told.exit).toBe(0);
  expect(told.output.trim()).toBe(address);
});

test('a sealed identity imports into another file, and is not replaced by accident', async () => {
  const env = { SWS_PASSPHRASE: 'a long passphrase' };
  const made = stage.now.run(['keygen', '--identity', 'one', '--json']);
  expect(await made.exit).toBe(0);
  const { address } = JSON.parse(made.output);
  expect((await stat(stage.now.path('one'))).mode & 0o777).toBe(0o600);
  const sealed = stage.now.run(['export', '--identity', 'one'], env);
  expect(await sealed.exit).toBe(0);
  expect(sealed.output).not.toContain((await readFile(stage.now.path('one'), 'utf8')).trim());
  const imported = stage.now.run(['import', '--identity', 'two'], env);
  imported.child.stdin.end(sealed.output);
  expect(await imported.exit).toBe(0);
  expect(imported.output.trim()).toBe(address);
  const again = stage.now.run(['keygen', '--identity', 'one']);
  expect(await again.exit).toBe(1);
  expect(again.errors).toContain('--force');
});

test('the passphrase can come from a file; a wrong one opens and replaces nothing', async () => {
  await writeFile(stage.now.path('right'), 'correct horse\nsecond line\n');
  await writeFile(stage.now.path('wrong'), 'battery staple\n');
  const sealed = stage.now.run(['export', '--identity', 'one', '--passphrase-file', 'right']);
  expect(await sealed.exit).toBe(0);
  await writeFile(stage.now.path('backup'), sealed.output);
  const refused = stage.now.run(['import', 'backup', '--identity', 'two', '--passphrase-file', 'wrong']);
  expect(await refused.exit).toBe(1);
  await expect(stat(stage.now.path('two'))).rejects.toThrow('ENOENT');
  const taken = stage.now.run(['import', 'backup', '--identity', 'two', '--passphrase-file', 'right']);
  expect(await taken.exit).toBe(0);
  expect(await readFile(stage.now.path('two'), 'utf8')).toBe(await readFile(stage.now.path('one'), 'utf8'));
});

test('a plain export is the secret itself, and imports without a passphrase', async () => {
  const plain = stage.now.run(['export', '--plain', '--identity', 'one']);
  expect(await plain.exit).toBe(0);
  const imported = stage.now.run(['import', '--identity', 'two', '--json']);
  imported.child.stdin.end(plain.output);
  expect(await imported.exit).toBe(0);
  const id = stage.now.run(['id', '--identity', 'one', '--json']);
  await id.exit;
  expect(JSON.parse(imported.output)).toEqual(JSON.parse(id.output));
});

test('export needs a passphrase or a terminal', async () => {
  const sealed = stage.now.run(['export', '--identity', 'one'], { SWS_PASSPHRASE: '' });
  expect(await sealed.exit).toBe(1);
  expect(sealed.output).toBe('');
  expect(sealed.errors).toContain('--passphrase-file');
});

test('both sides print the same fingerprint, and another pair another one', async () => {
  const addresses: string[] = [];
  for (const user of ['alice', 'bob', 'mallory']) {
    const id = stage.now.as(user, 'id');
    await id.exit;
    addresses.push(id.output.trim());
  }
  const [alice = '', bob = '', mallory = ''] = addresses;
  const print = async (user: string, peer: string): Promise<string> => {
    const command = stage.now.as(user, 'fingerprint', peer);
    expect(await command.exit).toBe(0);
    return command.output.trim();
  };
  const digits = await print('alice', bob);
  expect(digits.replace(/\D/g, '')).toHaveLength(40);
  expect(await print('bob', alice)).toBe(digits);
  expect(await print('bob', mallory)).not.toBe(digits);
});

test('a command waits for an identity whose process was killed', async () => {
  const made = stage.now.run(['keygen', '--identity', 'one']);
  await made.exit;
  // What SIGKILL leaves: a lock that nobody touches any more. It counts for 10 s.
  await mkdir(stage.now.path('one.lock'));
  const touched = new Date(Date.now() - 5_000);
  await utimes(stage.now.path('one.lock'), touched, touched);
  const listener = stage.now.run(['listen', '--accept-all', '--identity', 'one']);
  await listener.says(/another program uses this identity, or was killed less than 10 s ago/);
  expect(await listener.says(/listening as ([0-9a-f]{64})/)).toBe(made.output.trim());
});
