import type { Command } from 'commander';
import { byteCount, type JsonFlags, run, withAdmission, withManual, withRelay, withWait } from './command-line.js';
import type { RecvFlags } from './recv.js';
import type { SendFlags } from './send.js';

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function jsonStream({ json }: JsonFlags): NodeJS.WriteStream | null {
  return json === true ? process.stdout : null;
}

/** Adds `send` and `recv`. Their code is loaded when they run. */
export function addFileCommands(program: Command): void {
  withManual(
    withWait(withRelay(program.command('send').description('send files and folders to a peer that runs sws recv')))
      .usage('[options] <file or folder…> <to>')
      .argument('<file-or-address...>', 'files and folders, or - for standard input; the last one is the peer')
      .option('--name <name>', 'the name at the receiver, for one file or standard input')
      .option(
        '--exclude <pattern>',
        'leave out of folders the paths that match this .gitignore pattern; repeatable',
        collect,
        [],
      )
      .option('--no-preserve', 'do not send permissions and times')
      .option('--dry-run', 'only print what would be sent'),
    {
      details: `
The receiver checks the SHA-256 of each file, and both sides print it. If the relay restarts, the command waits for it. If
either side is stopped or killed, send again with the same identity: the transfer continues where it stopped, unless the file
has changed. With --wait this happens by itself while the receiver is away. Standard input always starts from the beginning.
A folder keeps its tree: empty folders, permissions, times, and links within it. Sockets, devices and links that lead out of
it are reported and left out.`,
      examples: [
        ['sws send photo.jpg video.mp4 wss://relay.example/7374…0177', 'two files'],
        ['sws send --wait 3600 disk.img alice', 'a large file, to a peer that may be away for an hour'],
        ['sws send holiday alice --exclude "*.tmp"', 'a folder'],
        ['pg_dump db | sws send - --name db.sql alice', 'the output of a program'],
      ],
      exits: {
        0: 'the peer has every file, and has checked it',
        1: 'wrong usage, or it failed (a file cannot be read, peer offline or refusing, relay unreachable, identity in use)',
        2: 'not every file was delivered: the connection broke, a file was refused, or the command was stopped',
      },
    },
  ).action((args: readonly string[], flags: SendFlags & JsonFlags, command: Command) => {
    const to = args.at(-1);
    if (to === undefined || args.length < 2) command.error("error: missing required argument 'address'");
    else
      return run(flags, async () => (await import('./send.js')).send(args.slice(0, -1), to, flags, jsonStream(flags)));
  });

  withManual(
    withAdmission(withRelay(program.command('recv').description('receive files into a folder')))
      .option('--out <folder>', 'where to save them; created if missing', '.')
      .option('--once', 'end after the files of one sender')
      .option('--max-size <bytes>', 'refuse a send that is larger, such as 500M or 2GiB', byteCount)
      .option('--no-preserve', 'do not keep permissions and times')
      .option('--force', 'replace files of the same name; otherwise the new one gets a number'),
    {
      details: `
Without --allow or --accept-all you are asked about each send, which needs a terminal. Runs until interrupted. A file is
written to NAME.KEY.part, and gets its name when it is complete and its SHA-256 is right; KEY is the beginning of the sender's
address. Harmful parts of names are replaced: a sender cannot choose a folder or make a hidden file. At most 16 senders at a time.`,
      examples: [
        ['sws recv', 'save into this folder, asking about each send'],
        ['sws recv --out inbox --allow alice --max-size 10G', 'accept one key without asking'],
        ['sws recv --once --accept-all --json', 'accept one send, for a script'],
      ],
      exits: {
        0: 'stopped by SIGINT or SIGTERM with no file unfinished; with --once, every file is here and checked',
        1: 'wrong usage, or it failed (folder not writable, relay refused, identity in use)',
        2: 'stopped with files unfinished; with --once, not every file was accepted',
      },
    },
  ).action((flags: RecvFlags & JsonFlags) =>
    run(flags, async () => (await import('./recv.js')).recv(flags, jsonStream(flags))),
  );
}
