import type { Command } from 'commander';
import { type JsonFlags, run, TO, withManual, withStored } from './command-line.js';
import type { IdentityFlags } from './identity.js';

/** Adds `contacts`. */
export function addContactCommands(program: Command): void {
  const contacts = program.command('contacts').description('manage your names for addresses');
  withManual(contacts, {
    details: `
You can use a name wherever a command takes an address. Names are in contacts.toml in your config folder. You may edit the file,
but commands rewrite it without its comments. Its allow lists what a contact may do without asking you.`,
    examples: [
      ['sws contacts add alice wss://relay.example/7374…0177', 'compare the fingerprint that it prints with hers'],
      ['sws send photo.jpg alice', 'use a name instead of an address'],
      ['sws contacts remove alice', 'forget the name and its permissions'],
    ],
    exits: { 0: 'shown or saved', 1: 'wrong usage, or the file is damaged' },
  });
  const load = () => import('./contacts-edit.js');

  withManual(withStored(contacts.command('list', { isDefault: true }).description('print names and addresses')), {
    examples: [['sws contacts', 'print all of them']],
    exits: { 0: 'printed', 1: 'the file is damaged' },
  }).action((flags: JsonFlags) => run(flags, async () => (await load()).listContacts(flags)));

  withManual(
    withStored(contacts.command('add').description('give an address a name; print the fingerprint to compare'))
      .argument('<name>')
      .argument('<link>', TO)
      .option('--force', 'replace an address of the same name and its permissions'),
    {
      details: 'A link names the relay too. For an address alone, each command uses its --relay.',
      examples: [['sws contacts add alice wss://relay.example/7374…0177', 'then ask her for sws fingerprint']],
      exits: { 0: 'saved', 1: 'wrong usage, or the name is taken' },
    },
  ).action((name: string, link: string, flags: IdentityFlags & JsonFlags & { readonly force?: boolean }) =>
    run(flags, async () => (await load()).addContact(name, link, flags)),
  );

  withManual(
    withStored(contacts.command('remove').description('forget a name and its permissions')).argument('<name>'),
    { examples: [['sws contacts remove alice', 'forget her']], exits: { 0: 'removed', 1: 'there is no such name' } },
  ).action((name: string, flags: JsonFlags) => run(flags, async () => (await load()).removeContact(name, flags)));
}
