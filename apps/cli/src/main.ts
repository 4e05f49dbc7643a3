#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addChannelCommands } from './channel-commands.js';
import { addCompletion } from './completion.js';
import { addFileCommands } from './file-commands.js';
import { addKeyCommands } from './key-commands.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('sws')
  .version(version)
  .description('Talk to a public key from a terminal, end to end encrypted through a relay.')
  .addHelpText(
    'after',
    `
Addresses are 64 hex digits. Where a command takes one, it takes wss://relay/<address> too; an address alone is
looked for at --relay, or SWS_RELAY. sws help <command> tells more, with examples.

Exit codes:
  0  all was delivered and the connection closed cleanly; or stopped by a signal, as asked
  1  usage, or it could not be done (peer offline, relay unreachable, identity in use, output closed)
  2  not all was delivered, or the connection did not close cleanly

Environment:
  SWS_RELAY       the relay where --relay names none
  SWS_PASSPHRASE  the passphrase of export and import`,
  );

addKeyCommands(program);
addChannelCommands(program);
addFileCommands(program);
addCompletion(program);
await program.parseAsync();
