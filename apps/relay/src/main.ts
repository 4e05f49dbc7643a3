#!/usr/bin/env node
import { Command } from 'commander';
import { IdentityFile } from './identity-file.js';
import { serve } from './serve.js';
import { flagsOf, withSettings } from './settings/command-line.js';
import { loadSettings } from './settings/load.js';
import type { Settings } from './settings/schema.js';
import { VERSION } from './version.js';

const warnings: string[] = [];
const settingsOf = (command: Command): Settings =>
  loadSettings(flagsOf(command), process.env, (message) => warnings.push(message));

const program = withSettings(new Command('sws-relay'))
  .description('An SWS relay: routes sealed messages between public keys, and serves the chat page.')
  .version(VERSION)
  .allowExcessArguments(false)
  .action(async () => serve(settingsOf(program), warnings));

const identity = program
  .command('identity')
  .description("the relay's own identity: the key that clients pin with `serverKey`");
const identityFile = (): IdentityFile => new IdentityFile(settingsOf(program).identity);
identity
  .command('show')
  .description('print its server key; makes the identity where there is none')
  .action(async () => console.log((await identityFile().loadOrCreate()).signingKey));
identity
  .command('prepare')
  .description('make the next identity and print its server key, for clients to know before it is used')
  .action(async () => console.log((await identityFile().prepare()).signingKey));
identity
  .command('rotate')
  .description('use the prepared identity, or else a new one, from the next start; keeps the old one beside it')
  .action(async () => {
    const { old, present } = await identityFile().rotate();
    if (old !== null) console.log(`Server key so far:   ${old.signingKey}`);
    console.log(`Server key from now: ${present.signingKey}`);
    console.error('Restart the relay to use it. Clients that pin the old key must pin the new one to connect again.');
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`sws-relay: ${error instanceof Error ? error.message : 'could not start'}`);
  process.exit(1);
}
