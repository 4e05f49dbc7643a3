import type { Command } from 'commander';
import { type JsonFlags, portFrom, run, TO, withAdmission, withManual, withRelay, withWait } from './command-line.js';
import type { ConnectFlags } from './connect.js';
import type { ListenFlags } from './listen.js';
import type { OpenFlags } from './open.js';
import type { ServeFlags } from './serve.js';

/** How long a new connection waits for a relay that restarts. Open connections stay open meanwhile. */
const OPEN_WAIT_SECONDS = 10;
const STANDARD_STREAMS = `
Standard input goes to the peer, and its bytes go to standard output. Each direction ends separately, and the command ends
when both have. At a terminal your side ends with the peer's. With --json the objects go to standard error.`;
const ADMISSION = `
Say who may connect: --allow for some, --accept-all for everyone. Without either you are asked about each key, which needs a
terminal. The answer "always" is saved with the contact.`;
const PIPE_EXITS = {
  0: 'everything was delivered, and the connection closed cleanly',
  1: 'wrong usage, or it failed (peer offline, relay unreachable, identity in use by another program, output closed)',
  2: 'not everything was delivered, or the connection did not close cleanly',
} as const;
const RUNNING_EXITS = {
  0: 'stopped by SIGINT or SIGTERM',
  1: 'wrong usage, or it failed (relay refused, identity in use by another program, port taken)',
} as const;

/**
 * Adds `listen`, `connect`, `serve` and `open`. Their code is loaded when they run, so that help and completion answer
 * at once.
 */
export function addChannelCommands(program: Command): void {
  withManual(
    withAdmission(
      withRelay(program.command('listen').description('accept one connection, for standard input and output')),
    ).option('--keep', 'accept one connection after another until interrupted; sends no input'),
    {
      details: `${STANDARD_STREAMS}\n${ADMISSION}`,
      examples: [
        ['sws listen > received', 'save what one peer sends, after you accept it'],
        ['sws listen --keep --allow alice >> log', 'collect the lines of one key, over many connections'],
      ],
      exits: PIPE_EXITS,
    },
  ).action((flags: ListenFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./listen.js')).listen(flags, tell), process.stderr),
  );

  withManual(
    withWait(withRelay(program.command('connect').description('connect to an address, for standard input and output')))
      .argument('<to>', TO)
      .option('--plain', 'for a peer that is not sws: the end of standard input closes the connection'),
    {
      details: `${STANDARD_STREAMS}\nFor a port of sws serve, it works like nc.`,
      examples: [
        ['sws connect 7374…0177', 'talk to the peer that listens there'],
        ['tar c folder | sws connect --wait 60 alice', 'stream a folder as soon as the peer is there'],
        ['ssh -o ProxyCommand="sws connect %h" alice', 'a shell on a machine that runs sws serve 22'],
      ],
      exits: PIPE_EXITS,
    },
  ).action((to: string, flags: ConnectFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./connect.js')).connect(to, flags, tell), process.stderr),
  );

  withManual(
    withAdmission(
      withRelay(program.command('serve').description('make TCP ports of this machine reachable by your address')),
    )
      .usage('[options] <port | name=port…>')
      .argument(
        '[services...]',
        'a port, or name=port; several ports need names. The ports need not be open to any network',
      )
      .option('--host <name>', 'the machine with the ports, unless a service names one (web=host:3000)', 'localhost')
      .option(
        '--file <file>',
        'take services from a TOML file: one table each, with port, and optionally host and allow',
      ),
    {
      details: `Runs until interrupted. A relay that restarts does not break connections.\n${ADMISSION}`,
      examples: [
        ['sws serve 22 --allow alice', 'ssh to this machine, for one key'],
        ['sws serve web=3000 postgres=5432 --allow alice bob', 'then: sws open you/postgres --port 5432'],
        ['sws serve --file services.toml', '[web] port = 3000, allow = ["alice"]'],
      ],
      exits: RUNNING_EXITS,
    },
  ).action((services: readonly string[], flags: ServeFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./serve.js')).serve(services, flags, tell)),
  );

  withManual(
    withWait(withRelay(program.command('open').description('bring a served port to this machine')), OPEN_WAIT_SECONDS)
      .argument('<to>', TO)
      .requiredOption('--port <number>', 'the local port; 0 for any free port', portFrom(0))
      .option('--host <name>', 'the local interface', '127.0.0.1'),
    {
      details: 'Runs until interrupted. A relay that restarts does not break connections.',
      examples: [
        ['sws open alice --port 2222', 'then: ssh -p 2222 127.0.0.1'],
        ['sws open alice/postgres --port 5432', 'one of the services that alice serves by name'],
      ],
      exits: RUNNING_EXITS,
    },
  ).action((to: string, flags: OpenFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./open.js')).open(to, flags, tell)),
  );
}
