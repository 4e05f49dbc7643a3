#!/usr/bin/env node
import { createReadStream } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ConnectFlags, connect } from './connect.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, loadIdentity } from './identity.js';
import { compare, type ExportFlags, exportText, generate, importText, type ReplaceFlags } from './keys.js';
import { type ListenFlags, listen } from './listen.js';
import { type Reporter, reporter } from './report.js';
import { type OpenFlags, open, type ServeFlags, serve } from './tunnel.js';

const DEFAULT_RELAY = 'ws://127.0.0.1:8787/';

interface JsonFlags {
  readonly json?: boolean;
}

/** Runs a command and ends the process with its code, once output is written. `json` is where `--json` puts its objects. */
async function run(
  flags: JsonFlags,
  action: (tell: Reporter) => Promise<number>,
  json: NodeJS.WriteStream = process.stdout,
): Promise<void> {
  let exit: number = EXIT.failed;
  const tell = reporter(flags.json === true ? json : null);
  try {
    exit = await action(tell);
  } catch (error) {
    const code = (error as { code?: unknown }).code ?? 'failed';
    const hint = code === 'identity-in-use' ? ' Name another with --identity FILE, or use --ephemeral.' : '';
    const detail = error instanceof Error ? error.message : 'failed';
    tell({ event: 'error', code, detail }, `sws: ${detail}.${hint}`);
  }
  process.stdout.write('', () => process.exit(exit));
}

/** Prints the one value that a command is run for. */
function print(flags: JsonFlags, member: string, value: string): number {
  console.log(flags.json === true ? JSON.stringify({ [member]: value }) : value);
  return EXIT.delivered;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It is a number of seconds, 0 or more.');
  return value;
}

function portFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,5}$/.test(text) || value < least || value > 65_535)
      throw new InvalidArgumentError(`It is a port, from ${least} to 65535.`);
    return value;
  };
}

const program = new Command('sws')
  .description('Talk to a public key from a terminal, end to end encrypted through a relay.')
  .addHelpText(
    'after',
    `
Addresses are 64 hex digits. Where a command takes one, it takes wss://relay/<address> too; an address alone is
looked for at --relay, or SWS_RELAY. sws help <command> tells more.

Exit codes:
  0  all was delivered and the connection closed cleanly; or stopped by a signal, as asked
  1  usage, or it could not be done (peer offline, relay unreachable, identity in use, output closed)
  2  not all was delivered, or the connection did not close cleanly`,
  );

const json = (command: Command): Command => command.option('--json', 'tell what happens as one JSON object a line');
const stored = (command: Command): Command =>
  json(command).option('--identity <file>', 'use the identity in this file, created if there is none');
const withIdentity = (command: Command): Command =>
  stored(command).option('--ephemeral', 'use a new identity for this run alone');
const withRelay = (command: Command): Command =>
  withIdentity(command).addOption(new Option('--relay <url>', 'the relay').env('SWS_RELAY').default(DEFAULT_RELAY));
const wait = (command: Command): Command =>
  command.option('--wait <seconds>', 'how long to wait for an absent peer', seconds, 0);

withIdentity(program.command('id').description('print your address')).action((flags: IdentityFlags & JsonFlags) =>
  run(flags, async () => print(flags, 'address', (await loadIdentity(flags)).publicKey)),
);
stored(program.command('keygen').description('make and save a new identity; print its address'))
  .option('--force', 'replace the identity that is there, which is lost')
  .action((flags: ReplaceFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'address', (await generate(flags)).publicKey)),
  );
stored(program.command('export').description('print your identity as one line, sealed with a passphrase'))
  .option('--plain', 'the secret itself, without a passphrase')
  .addHelpText('after', '\nThe passphrase is SWS_PASSPHRASE, or asked for.')
  .action((flags: ExportFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'identity', await exportText(flags))),
  );
stored(program.command('import').description('save an exported identity; print its address'))
  .argument('[file]', 'holds the exported line; standard input if not given')
  .option('--force', 'replace the identity that is there, which is lost')
  .addHelpText('after', '\nThe passphrase of a sealed one is SWS_PASSPHRASE, or asked for.')
  .action((file: string | undefined, flags: ReplaceFlags & JsonFlags) =>
    run(flags, async () => {
      const source = file === undefined ? process.stdin : createReadStream(file);
      return print(flags, 'address', (await importText(source, flags)).publicKey);
    }),
  );
stored(program.command('fingerprint').description('print 40 digits to compare with the holder of an address'))
  .argument('<address>')
  .action((address: string, flags: IdentityFlags & JsonFlags) =>
    run(flags, async () => print(flags, 'fingerprint', await compare(address, flags))),
  );

const STANDARD_STREAMS = `
What standard input gives is sent as read, what comes in is written to standard output; each direction ends by itself, and the
command ends when both have. At a terminal, where the peer has ended, so has your side.`;
withRelay(program.command('listen').description('wait for one connection and join it to standard input and output'))
  .option('--from <address...>', 'accept these keys only')
  .option('--keep', 'serve one connection after another until interrupted; standard input is not sent')
  .addHelpText('after', STANDARD_STREAMS)
  .action((flags: ListenFlags & JsonFlags) => run(flags, (tell) => listen(flags, tell), process.stderr));
wait(
  withRelay(program.command('connect').description('connect to an address and join it to standard input and output')),
)
  .argument('<address>')
  .option('--plain', 'the other end is any program: the end of standard input closes the connection for both')
  .addHelpText('after', `${STANDARD_STREAMS}\nTo a port that sws serve serves, it is what nc is.`)
  .action((to: string, flags: ConnectFlags & JsonFlags) =>
    run(flags, (tell) => connect(to, flags, tell), process.stderr),
  );

withRelay(program.command('serve').description('make a TCP port of this machine reachable by your address'))
  .argument('<port>', 'the port, which need not be open to any network', portFrom(1))
  .option('--host <name>', 'where the port is', '127.0.0.1')
  .option('--allow <address...>', 'accept these keys only; without it, everyone who has your address')
  .addHelpText('after', '\nRuns until interrupted. The other end: sws open <address> --port N')
  .action((port: number, flags: ServeFlags & JsonFlags) => run(flags, (tell) => serve(port, flags, tell)));
wait(withRelay(program.command('open').description('bring a served port to this machine')))
  .argument('<address>')
  .requiredOption('--port <number>', 'the local port; 0 for any that is free', portFrom(0))
  .option('--host <name>', 'the local interface', '127.0.0.1')
  .addHelpText('after', '\nRuns until interrupted. A relay that restarts does not break connections.')
  .action((to: string, flags: OpenFlags & JsonFlags) => run(flags, (tell) => open(to, flags, tell)));
await program.parseAsync();
