import type { Command } from 'commander';
import { type JsonFlags, print, run, TO, withManual, withRelay, withStored } from './command-line.js';
import type { IdentityFlags } from './identity.js';
import type { ExportFlags, ImportFlags, ReplaceFlags } from './keys.js';

interface IdFlags extends IdentityFlags {
  readonly relay: string;
  readonly link?: boolean;
  readonly qr?: boolean;
}

const PASSPHRASE = `
The passphrase is the first line of --passphrase-file, or SWS_PASSPHRASE. Without either, the command asks for it.`;
const DAMAGED = 'wrong usage, or the identity is damaged';
const IN_USE = `${DAMAGED} or in use by another process`;

/** Adds `id`, `keygen`, `export`, `import` and `fingerprint`. */
export function addKeyCommands(program: Command): void {
  withManual(
    withRelay(program.command('id').description('print your address'))
      .option('--link', 'print a link to you at the relay')
      .option('--qr', 'print the link as a QR code, for a phone'),
    {
      details:
        'The identity is created on first use and saved in your config folder, in a file that only you can read.',
      examples: [
        ['sws id', 'print the address for others to use'],
        ['sws id --qr --relay wss://relay.example', 'let somebody scan a link to you'],
      ],
      exits: { 0: 'printed', 1: DAMAGED },
    },
  ).action((flags: IdFlags & JsonFlags) =>
    run(flags, async () => {
      const { address, link } = await import('./keys.js');
      if (flags.qr === true && flags.json !== true) {
        const { default: encodeQR } = await import('qr');
        console.log(encodeQR(await link(flags), process.stdout.isTTY ? 'term' : 'ascii').trimEnd());
      }
      const isLink = flags.link === true || flags.qr === true;
      return isLink ? print(flags, 'link', await link(flags)) : print(flags, 'address', await address(flags));
    }),
  );

  withManual(
    withStored(program.command('keygen').description('create and save an identity; print its address')).option(
      '--force',
      'replace the present identity, which is lost',
    ),
    {
      examples: [
        ['sws keygen', 'create your identity, if there is none yet'],
        ['sws keygen --identity backup.key', 'create one for an unattended job'],
      ],
      exits: { 0: 'saved', 1: `${IN_USE}, or there is an identity already` },
    },
  ).action((flags: ReplaceFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'address', (await (await import('./keys.js')).generate(flags)).publicKey)),
  );

  withManual(
    withStored(program.command('export').description('print your identity as one line, encrypted with a passphrase'))
      .option('--plain', 'print the secret itself, unencrypted')
      .option('--passphrase-file <file>', 'take the passphrase from the first line of this file'),
    {
      details: PASSPHRASE,
      examples: [
        ['sws export > identity.sealed', 'make a backup'],
        ['sws export --passphrase-file secret | ssh host sws import', 'copy it to another machine by a script'],
      ],
      exits: { 0: 'printed', 1: `${DAMAGED}, or there is no passphrase` },
    },
  ).action((flags: ExportFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'identity', await (await import('./keys.js')).exportText(flags))),
  );

  withManual(
    withStored(program.command('import').description('save an exported identity; print its address'))
      .argument('[file]', 'the file with the exported line; by default standard input, or what you paste at a terminal')
      .option('--force', 'replace the present identity, which is lost')
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
    withStored(program.command('fingerprint').description('print 40 digits to compare with a peer')).argument(
      '<who>',
      TO,
    ),
    {
      details:
        'Both sides print the same digits. Read them to each other over the phone: if they are the same, you have the right address.',
      examples: [['sws fingerprint alice', 'print the digits for you and alice']],
      exits: { 0: 'printed', 1: `${DAMAGED}, or the argument is not an address` },
    },
  ).action((address: string, flags: IdentityFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'fingerprint', await (await import('./keys.js')).compare(address, flags))),
  );
}
