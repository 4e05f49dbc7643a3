import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT } from './exit-code.js';
import { type Reporter, reporter } from './report.js';

const DEFAULT_RELAY = 'ws://127.0.0.1:8787/';

export interface JsonFlags {
  readonly json?: boolean;
}

/**
 * Runs a command and ends the process with its code, once output is written. `json` is the stream for the objects of
 * `--json`.
 */
export async function run(
  flags: JsonFlags,
  action: (tell: Reporter) => Promise<number>,
  json: NodeJS.WriteStream = process.stdout,
): Promise<void> {
  let exit: number = EXIT.failed;
  const output = endWithOutput(flags.json === true ? json : null);
  const tell = reporter(flags.json === true ? json : null);
  try {
    exit = await action(tell);
  } catch (error) {
    const code = (error as { code?: unknown }).code ?? 'failed';
    const hint = code === 'identity-in-use' ? '. Name another with --identity FILE, or use --ephemeral.' : '';
    const detail = error instanceof Error ? error.message : 'failed';
    tell({ event: 'error', code, detail }, `sws: ${detail}${hint}`);
  }
  process.stdout.write('', () => process.exit(output.isClosed ? EXIT.failed : exit));
}

/**
 * Handles the errors of both outputs. If nobody reads the objects any more (`| head -n 1`), the command ends as by a
 * signal.
 */
function endWithOutput(json: NodeJS.WriteStream | null): { readonly isClosed: boolean } {
  const output = { isClosed: false };
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({ message }) => {
      if (stream !== json || output.isClosed) return;
      output.isClosed = true;
      console.error(`sws: cannot write the output: ${message}`);
      if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(EXIT.failed);
    });
  return output;
}

/** Prints the value that a command is run for, and returns the exit code. */
export function print(flags: JsonFlags, member: string, value: string): number {
  console.log(flags.json === true ? JSON.stringify({ [member]: value }) : value);
  return EXIT.delivered;
}

/** The text under a command's options: details, examples, and the meaning of its exit codes. */
export interface Manual {
  readonly details?: string;
  /** A command line, and its purpose. */
  readonly examples: readonly (readonly [string, string])[];
  readonly exits: Readonly<Partial<Record<0 | 1 | 2, string>>>;
}

/** Adds the manual to a command's `--help`. */
export function withManual(command: Command, { details, examples, exits }: Manual): Command {
  const sections = [
    ...(details === undefined ? [] : [details.trim()]),
    `Examples:\n${examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}`).join('\n')}`,
    `Exit codes:\n${Object.entries(exits)
      .map(([code, meaning]) => `  ${code}  ${meaning}`)
      .join('\n')}`,
  ];
  return command.addHelpText('after', `\n${sections.join('\n\n')}`);
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print events and results as JSON, one object a line');
}

/** Adds the options of commands about a stored identity. */
export function withStored(command: Command): Command {
  return withJson(command).option('--identity <file>', 'use the identity in this file; created if missing');
}

export function withIdentity(command: Command): Command {
  return withStored(command).option('--ephemeral', 'use a new identity for this run only');
}

export function withRelay(command: Command): Command {
  return withIdentity(command).addOption(
    new Option('--relay <url>', 'the URL of the relay').env('SWS_RELAY').default(DEFAULT_RELAY),
  );
}

/** Adds the options of commands that connect to a peer; `fallback` is in seconds. */
export function withWait(command: Command, fallback = 0): Command {
  return command.option(
    '--wait <seconds>',
    'how long to wait for a peer or relay that cannot be reached',
    seconds,
    fallback,
  );
}

/** The description of an argument that names a peer. */
export const TO = 'a contact, a link (wss://relay/<address>) or an address; append /<name> for a service';

/** Adds the options of commands that accept peers. */
export function withAdmission(command: Command): Command {
  return command
    .option('--allow <who...>', 'accept only these peers, by address or name')
    .option('--accept-all', 'accept everyone who has your address');
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number of seconds, 0 or more.');
  return value;
}

export function portFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,5}$/.test(text) || value < least || value > 65_535)
      throw new InvalidArgumentError(`It must be a port, from ${least} to 65535.`);
    return value;
  };
}

/** Parses a number of bytes as people write it: `500M`, `1.5GiB`. */
export function byteCount(text: string): number {
  const [, number, unit = '', binary] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text) ?? [];
  if (number === undefined)
    throw new InvalidArgumentError('It must be a number of bytes, such as 500000, 500M or 1.5GiB.');
  return Math.floor(Number(number) * (binary ? 1_024 : 1_000) ** ' kmgt'.indexOf(unit.toLowerCase() || ' '));
}
