import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAgentCommands } from './agent-commands.js';
import { addChannelCommands } from './channel-commands.js';
import { addCompletion } from './completion.js';
import { addContactCommands } from './contact-commands.js';
import { addFileCommands } from './file-commands.js';
import { addKeyCommands } from './key-commands.js';
import { setV8Flags } from './v8-flags.js';

setV8Flags();

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('sws')
  .version(version)
  .description('Talk to a public key from a terminal, end to end encrypted through a relay.')
  .addHelpText(
    'after',
    `
An address is 64 hex digits. Commands that take one also take a contact's name or a link (wss://relay/<address>). For an
address alone they use --relay, or SWS_RELAY. sws help <command> has more, with examples.

Exit codes:
  0  everything was delivered, and the connection closed cleanly; or it was stopped by a signal
  1  wrong usage, or it failed (peer offline, relay unreachable, identity in use, output closed)
  2  not everything was delivered, or the connection did not close cleanly

Environment:
  SWS_RELAY       the relay, if --relay is not given
  SWS_PASSPHRASE  the passphrase for export and import`,
  );

addKeyCommands(program);
addChannelCommands(program);
addFileCommands(program);
addContactCommands(program);
addAgentCommands(program);
addCompletion(program);
await program.parseAsync();
