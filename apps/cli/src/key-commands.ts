import type { Command } from 'commander';
import { type JsonFlags, print, run, withIdentity, withManual, withStored } from './command-line.js';
import type { IdentityFlags } from './identity.js';
import type { ExportFlags, ImportFlags, ReplaceFlags } from './keys.js';

const PASSPHRASE = `
The passphrase is the first line of --passphrase-file, or SWS_PASSPHRASE; without them it is asked for, and not shown.`;
const DAMAGED = 'usage, or the identity is damaged';
const IN_USE = `${DAMAGED}, or in use by another process`;

/** `id`, `keygen`, `export`, `import`, `fingerprint`. */
export function addKeyCommands(program: Command): void {
  withManual(withIdentity(program.command('id').description('print your address')), {
    details: 'The identity is made on first use, and kept in a file of your config folder that only you can read.',
    examples: [['sws id', 'what others connect and send to']],
    exits: { 0: 'printed', 1: DAMAGED },
  }).action((flags: IdentityFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'address', await (await import('./keys.js')).address(flags))),
  );

  withManual(
    withStored(program.command('keygen').description('make and save a new identity; print its address')).option(
      '--force',
      'replace the identity that is there, which is lost',
    ),
    {
      examples: [
        ['sws keygen', 'an identity of your own, if there is none yet'],
        ['sws keygen --identity backup.key', 'one for a job that runs beside you'],
      ],
      exits: { 0: 'saved', 1: `${IN_USE}, or there is one already` },
    },
  ).action((flags: ReplaceFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'address', (await (await import('./keys.js')).generate(flags)).publicKey)),
  );

  withManual(
    withStored(program.command('export').description('print your identity as one line, sealed with a passphrase'))
      .option('--plain', 'the secret itself, without a passphrase')
      .option('--passphrase-file <file>', 'take the passphrase from the first line of this file'),
    {
      details: PASSPHRASE,
      examples: [
        ['sws export > identity.sealed', 'a backup that the passphrase opens'],
        [
          'sws export --passphrase-file secret | ssh host sws import',
          'from a script (the other end asks, or has its own)',
        ],
      ],
      exits: { 0: 'printed', 1: `${DAMAGED}, or there is no passphrase` },
    },
  ).action((flags: ExportFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'identity', await (await import('./keys.js')).exportText(flags))),
  );

  withManual(
    withStored(program.command('import').description('save an exported identity; print its address'))
      .argument('[file]', 'holds the exported line; without it standard input, or at a terminal what you paste')
      .option('--force', 'replace the identity that is there, which is lost')
      .option('--passphrase-file <file>', 'take the passphrase from the first line of this file'),
    {
      details: PASSPHRASE,
      examples: [['sws import identity.sealed', 'restore a backup']],
      exits: {
        0: 'saved',
        1: `${IN_USE}, the passphrase is wrong, the text is damaged, or there is an identity already`,
      },
    },
  ).action((file: string | undefined, flags: ImportFlags & JsonFlags) =>
    run(flags, async () =>
      print(flags, 'address', (await (await import('./keys.js')).importText(file, flags)).publicKey),
    ),
  );

  withManual(
    withStored(
      program.command('fingerprint').description('print 40 digits to compare with the holder of an address'),
    ).argument('<address>'),
    {
      details:
        'Both ends print the same digits. Read them to each other over the phone: if they agree, nobody is in between.',
      examples: [['sws fingerprint 7374…0177', 'the digits for you and them']],
      exits: { 0: 'printed', 1: `${DAMAGED}, or it is no address` },
    },
  ).action((address: string, flags: IdentityFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'fingerprint', await (await import('./keys.js')).compare(address, flags))),
  );
}
