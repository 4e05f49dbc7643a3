import type { Command } from 'commander';
import { type JsonFlags, portFrom, run, withManual, withRelay, withWait } from './command-line.js';
import type { ConnectFlags } from './connect.js';
import type { ListenFlags } from './listen.js';
import type { OpenFlags, ServeFlags } from './tunnel.js';

/** A connection that comes while the relay restarts waits for it, as others live through it. */
const OPEN_WAIT_SECONDS = 10;
const STANDARD_STREAMS = `
What standard input gives is sent as read, what comes in is written to standard output; each direction ends by itself, and
the command ends when both have. At a terminal, where the peer has ended, so has your side. With --json the objects go to
standard error.`;
const PIPE_EXITS = {
  0: 'all was delivered and the connection closed cleanly',
  1: 'usage, or it could not be done (peer offline, relay unreachable, identity in use, output closed)',
  2: 'not all was delivered, or the connection did not close cleanly',
} as const;
const RUNNING_EXITS = {
  0: 'stopped by SIGINT or SIGTERM',
  1: 'usage, or it could not be done (relay refused, identity in use, port taken)',
} as const;

/** `listen`, `connect`, `serve`, `open`. What they need is loaded when they run: help and completion answer at once. */
export function addChannelCommands(program: Command): void {
  withManual(
    withRelay(program.command('listen').description('wait for one connection and join it to standard input and output'))
      .option('--from <address...>', 'accept these keys only; without it, everyone who has your address')
      .option('--keep', 'serve one connection after another until interrupted; standard input is not sent'),
    {
      details: STANDARD_STREAMS,
      examples: [
        ['sws listen > received', 'take what one peer sends'],
        ['sws listen --keep --from 7374…0177 >> log', 'collect the lines of one key, connection after connection'],
      ],
      exits: PIPE_EXITS,
    },
  ).action((flags: ListenFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./listen.js')).listen(flags, tell), process.stderr),
  );

  withManual(
    withWait(
      withRelay(
        program.command('connect').description('connect to an address and join it to standard input and output'),
      ),
    )
      .argument('<address>')
      .option('--plain', 'the other end is any program: the end of standard input closes the connection for both'),
    {
      details: `${STANDARD_STREAMS}\nTo a port that sws serve serves, it is what nc is.`,
      examples: [
        ['sws connect 7374…0177', 'talk to who listens there'],
        ['tar c folder | sws connect --wait 60 7374…0177', 'stream something, once the peer is there'],
        ['ssh -o ProxyCommand="sws connect 7374…0177" host', 'a shell on a machine that runs sws serve 22'],
      ],
      exits: PIPE_EXITS,
    },
  ).action((to: string, flags: ConnectFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./connect.js')).connect(to, flags, tell), process.stderr),
  );

  withManual(
    withRelay(program.command('serve').description('make a TCP port of this machine reachable by your address'))
      .argument('<port>', 'the port, which need not be open to any network', portFrom(1))
      .option('--host <name>', 'where the port is', '127.0.0.1')
      .option('--allow <address...>', 'accept these keys only; without it, everyone who has your address'),
    {
      details: 'Runs until interrupted. A relay that restarts does not break connections.',
      examples: [['sws serve 22 --allow 7374…0177', 'ssh to this machine, for one key']],
      exits: RUNNING_EXITS,
    },
  ).action((port: number, flags: ServeFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./tunnel.js')).serve(port, flags, tell)),
  );

  withManual(
    withWait(withRelay(program.command('open').description('bring a served port to this machine')), OPEN_WAIT_SECONDS)
      .argument('<address>')
      .requiredOption('--port <number>', 'the local port; 0 for any that is free', portFrom(0))
      .option('--host <name>', 'the local interface', '127.0.0.1'),
    {
      details: 'Runs until interrupted. A relay that restarts does not break connections.',
      examples: [['sws open 7374…0177 --port 2222', 'then: ssh -p 2222 127.0.0.1']],
      exits: RUNNING_EXITS,
    },
  ).action((to: string, flags: OpenFlags & JsonFlags) =>
    run(flags, async (tell) => (await import('./tunnel.js')).open(to, flags, tell)),
  );
}
