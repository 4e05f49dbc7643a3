import type { Command } from 'commander';
import { byteCount, type JsonFlags, run, withManual, withRelay, withWait } from './command-line.js';
import type { RecvFlags } from './recv.js';
import type { SendFlags } from './send.js';

function jsonStream({ json }: JsonFlags): NodeJS.WriteStream | null {
  return json === true ? process.stdout : null;
}

/** `send`, `recv`, loaded when they run. */
export function addFileCommands(program: Command): void {
  withManual(
    withWait(withRelay(program.command('send').description('send files to who receives at an address')))
      .usage('[options] <file…> <address>')
      .argument('<file-or-address...>', 'the files, - for standard input, and last the address')
      .option('--name <name>', 'what the receiver is to call it, where it is one file or standard input'),
    {
      details: `
The receiver checks each file's SHA-256, and both ends print it. A relay that restarts is waited for. Where either end is
stopped or killed, send again, with the same identity, to go on from the bytes that are there: they are compared by digest,
so that a file which has changed begins anew. With --wait that happens by itself where the receiver goes and comes back.
Standard input begins anew.`,
      examples: [
        ['sws send photo.jpg video.mp4 wss://relay.example/7374…0177', 'two files'],
        ['sws send --wait 3600 disk.img 7374…0177', 'a large one, to who may go away for up to an hour'],
        ['tar c folder | sws send - --name folder.tar 7374…0177', 'a folder'],
      ],
      exits: {
        0: 'every file is at the peer, whole and checked',
        1: 'usage, or it could not be done (a file can’t be read, peer offline or refusing, relay unreachable, identity in use)',
        2: 'not every file was delivered: the connection broke, a file was not taken, or the command was stopped',
      },
    },
  ).action((args: readonly string[], flags: SendFlags & JsonFlags, command: Command) => {
    const to = args.at(-1);
    if (to === undefined || args.length < 2) command.error("error: missing required argument 'address'");
    else
      return run(flags, async () => (await import('./send.js')).send(args.slice(0, -1), to, flags, jsonStream(flags)));
  });

  withManual(
    withRelay(program.command('recv').description('receive files into a folder'))
      .option('--out <folder>', 'where they go, created if there is none', '.')
      .option('--from <address...>', 'take what these keys send')
      .option('--accept-all', 'take what everyone sends who has your address')
      .option('--once', 'end when the files of one sender are here')
      .option('--max-size <bytes>', 'the most that one send may bring, such as 500M or 2GiB', byteCount)
      .option('--force', 'replace a file of the same name, which else stays: the new one gets a number'),
    {
      details: `
Without --from or --accept-all you are asked about each send, which needs a terminal. Runs until interrupted. A file grows
as NAME.KEY.part beside its place and gets its name when it is whole and its SHA-256 is right; KEY is the beginning of the
sender's address. Of the peer's name only what is harmless is kept: no folders, no hidden files. 16 senders at a time.`,
      examples: [
        ['sws recv', 'ask about what comes, into this folder'],
        ['sws recv --out inbox --from 7374…0177 --max-size 10G', 'without asking, from one key'],
        ['sws recv --once --accept-all --json', 'one send, for a script'],
      ],
      exits: {
        0: 'stopped by SIGINT or SIGTERM with nothing under way; with --once, every file is here, whole and checked',
        1: 'usage, or it could not be done (folder not writable, relay refused, identity in use)',
        2: 'stopped with files under way; with --once, not every file of the send was taken',
      },
    },
  ).action((flags: RecvFlags & JsonFlags) =>
    run(flags, async () => (await import('./recv.js')).recv(flags, jsonStream(flags))),
  );
}
