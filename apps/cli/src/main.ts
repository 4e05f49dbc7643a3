#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { type ConnectFlags, connect } from './connect.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { type ListenFlags, listen } from './listen.js';

const DEFAULT_RELAY = 'ws://127.0.0.1:8787/';

/** Runs a command and ends the process with its code, once output is written. */
async function run(action: () => Promise<number>): Promise<void> {
  let exit: number = EXIT.failed;
  try {
    exit = await action();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const hint = code === 'identity-in-use' ? ' Name another with --identity FILE, or use --ephemeral.' : '';
    console.error(`sws: ${error instanceof Error ? error.message : 'failed'}.${hint}`);
  }
  process.stdout.write('', () => process.exit(exit));
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It is a number of seconds, 0 or more.');
  return value;
}

const withIdentity = (command: Command): Command =>
  command
    .option('--identity <file>', 'use the identity in this file, created if there is none')
    .option('--ephemeral', 'use a new identity for this run alone');

const program = new Command('sws')
  .description('Talk to a public key from a terminal, end to end encrypted through a relay.')
  .addHelpText(
    'after',
    `
What standard input gives is sent as read, what comes in is written to standard output. The end whose input ends first waits until
the peer has all of it, then closes the connection for both.

Exit codes:
  0  all was delivered and the connection closed cleanly
  1  usage, or it could not be done (peer offline, relay unreachable, identity in use, output closed)
  2  not all was delivered, or the connection did not close cleanly`,
  );
withIdentity(program.command('id').description('print your address')).action((flags: IdentityFlags) =>
  run(async () => {
    console.log((await loadIdentity(flags)).publicKey);
    return EXIT.delivered;
  }),
);
withIdentity(program.command('listen').description('wait for one connection and join it to standard input and output'))
  .option('--relay <url>', 'the relay', DEFAULT_RELAY)
  .option('--from <address...>', 'accept these keys only')
  .option('--keep', 'serve one connection after another until interrupted; standard input is not sent')
  .action((flags: ListenFlags) => run(() => listen(flags)));
withIdentity(
  program
    .command('connect')
    .description('connect to wss://relay/<address> and join it to standard input and output')
    .argument('<url>'),
)
  .option('--wait <seconds>', 'how long to wait for an absent peer', seconds, 0)
  .action((url: string, flags: ConnectFlags) => run(() => connect(url, flags)));
await program.parseAsync();
