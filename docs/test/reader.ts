import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { pnpmIsAtHand } from '@sws/testing/checkout-copy';
import { freePort } from '@sws/testing/free-port';
import { ROOT } from './checkout.js';
import type { Snippet } from './snippets.js';
import { type Addresses, spellOut, Terminal, until } from './terminal.js';

const MODULES = join(ROOT, 'docs/node_modules');
/** A document's script takes ports behind the one that it is told: deploy/three-nodes.sh up to 23. */
const PORTS_BEHIND = 23;
/** What a reader fetches from the registry, and the tests have at hand. */
const FETCHED = ['vite', 'typescript', '@types/node', '@types/ws'];

/** Printed by a script that has come to its end, before the folder where it is then. */
const DONE = 'done, in ';

/**
 * Does what a document says, in a fresh folder beside a checkout: saves its files, runs its commands, and compares what
 * they print. `…` in a transcript stands for anything, a line of it for any lines, and an address like `b0b0…0b0b` for
 * the one that was printed where it first stands. A transcript without a command is what a program that runs
 * says next; `^C` ends the program that the command after it had started. `~` and `/etc/sws` are in the reader's folder,
 * `relay.example` and other machines are this one, and `sws-relay` is the checkout's.
 */
export class Reader {
  readonly folder = mkdtempSync(join(tmpdir(), 'sws-reader-'));
  readonly addresses: Addresses = new Map();
  readonly terminals: Terminal[] = [];
  /** Files that were saved, by name. */
  readonly saved: string[] = [];
  readonly #ports: ReadonlyMap<string, number>;
  readonly #env: NodeJS.ProcessEnv;
  #cwd = this.folder;

  private constructor(ports: ReadonlyMap<string, number>, env: NodeJS.ProcessEnv) {
    this.#ports = ports;
    symlinkSync(ROOT.replace(/\/$/, ''), join(this.folder, 'sws'));
    const overrides = FETCHED.map((name) => `  '${name}': link:${join(MODULES, name)}\n`).join('');
    writeFileSync(join(this.folder, 'pnpm-workspace.yaml'), `packages: [my-app]\noverrides:\n${overrides}`);
    const config = join(this.folder, 'config');
    mkdirSync(config);
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    const relay = join(ROOT, 'apps/relay/dist/main.js');
    writeFileSync(join(bin, 'sws-relay'), `#!/bin/sh\nexec node '${relay}' "$@"\n`, { mode: 0o755 });
    const { PATH, HOME, TMPDIR, CI } = process.env;
    this.#env = {
      ...Object.fromEntries(Object.entries({ HOME, TMPDIR, CI }).filter(([, value]) => value !== undefined)),
      PATH: `${bin}:${PATH}`,
      // The relay's and the user's own identities are left alone.
      XDG_CONFIG_HOME: config,
      XDG_DATA_HOME: config,
      SWS_PORT: String(ports.get('8787') ?? 8787),
      // Clients are asked to come back at once: a handful need not be spread over five seconds.
      SWS_DRAIN_SPREAD: '0',
      NO_COLOR: '1',
      npm_config_offline: String(pnpmIsAtHand()),
      TURBO_TELEMETRY_DISABLED: '1',
      ...env,
    };
  }

  /** A reader whose machine has other ports free than the document's. */
  static async with(ports: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Reader> {
    const free = new Map<string, number>();
    for (const port of ports) free.set(port, await freePort(PORTS_BEHIND));
    return new Reader(free, env);
  }

  /** The text as it is on this reader's machine. */
  here(text: string): string {
    let own = spellOut(text, this.addresses)
      .replaceAll('/etc/sws', join(this.folder, 'etc/sws'))
      .replaceAll(/(?<!\S)~(?=\/)/g, this.folder)
      .replaceAll(/\b10\.0\.0\.\d\b/g, '127.0.0.1')
      .replaceAll('relay.example', 'localhost:8787');
    for (const [port, free] of this.#ports) own = own.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), String(free));
    return own;
  }

  /** Where a file of the document is. */
  path(name: string): string {
    const own = this.here(name);
    return isAbsolute(own) ? own : join(this.#cwd, own);
  }

  /** Goes on in this folder. */
  enter(folder: string): void {
    this.#cwd = join(this.folder, folder);
  }

  /** What a document takes as set. */
  set(variable: string, value: string): void {
    this.#env[variable] = value;
  }

  /** Runs what the document does not say, as one of its commands. */
  start(command: string): Terminal {
    return this.#start(command, this.#cwd);
  }

  /** Ends all programs, so that their ports are free. */
  async stop(): Promise<void> {
    for (const terminal of this.terminals) terminal.kill();
    await until(
      () => !this.terminals.some(({ running }) => running),
      () => 'programs do not end',
    );
  }

  /** Does what one snippet says. @throws Error for what did not go as it says */
  async follow(snippet: Snippet): Promise<void> {
    if (snippet.notRun !== null) return;
    if (snippet.file !== null) this.#save(snippet.file, snippet.text);
    else if (snippet.language === 'sh') await this.#run(snippet.text);
    else if (snippet.language === 'console') await this.#type(snippet.text);
    else throw new Error(`nobody knows what to do with the ${snippet.language} of line ${snippet.line}`);
  }

  /** What each program that failed has printed. */
  failures(): readonly string[] {
    return this.terminals.filter(({ failed }) => failed).map(({ command, output }) => `$ ${command}\n${output}`);
  }

  close(): void {
    for (const terminal of this.terminals) terminal.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #save(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), `${this.here(text)}\n`);
    this.saved.push(name);
  }

  #start(command: string, cwd: string): Terminal {
    const terminal = new Terminal(this.here(command), cwd, this.#env);
    this.terminals.push(terminal);
    return terminal;
  }

  /** Commands that end, in this folder and the one that they change to. What they start in the background runs on. */
  async #run(script: string): Promise<void> {
    const terminal = this.#start(`set -e -o pipefail\n${script}\necho "${DONE}$PWD"`, this.#cwd);
    const done = (): string | undefined => new RegExp(`^${DONE}(.+)$`, 'm').exec(terminal.output)?.[1];
    await until(
      () => done() !== undefined || terminal.failed,
      () => `${script}\n${terminal.output}`,
    );
    const folder = done();
    if (folder === undefined) throw new Error(`${script}\n${terminal.output}`);
    this.#cwd = folder;
  }

  /** Commands and what they print, or what a program that runs prints. */
  async #type(transcript: string): Promise<void> {
    const [output = '', ...commands] = `\n${transcript}`.split('\n$ ');
    const before = output.split('\n').slice(1);
    // Each transcript is of a terminal of its own, which opens in the reader's folder.
    let cwd = this.#cwd;
    let interrupted = before[0] === '^C';
    if (!interrupted && before.length > 0) await this.#see(this.terminals, before);
    for (const [index, text] of commands.entries()) {
      const [command = '', ...expected] = text.split('\n');
      if (command.startsWith('cd ')) {
        cwd = join(cwd, command.slice(3));
        continue;
      }
      if (interrupted) cwd = await this.#interrupt(this.here(command));
      interrupted = false;
      if (command.startsWith('node ')) await this.#prompt(this.here(command));
      const terminal = this.#start(command, cwd);
      await this.#see([terminal], expected);
      if (index < commands.length - 1)
        await until(
          () => !terminal.running,
          () => `"${command}" does not end`,
        );
    }
  }

  /** Waits until one of these has said the lines. */
  async #see(terminals: readonly Terminal[], expected: readonly string[]): Promise<void> {
    const lines = expected.map((line) => this.here(line));
    await until(
      () => terminals.some((terminal) => terminal.reads(lines, this.addresses)) || this.failures().length > 0,
      () => `${lines.join('\n')}\n-- but there is --\n${terminals.map(({ output }) => output).join('\n--\n')}`,
    );
    if (this.failures().length > 0) throw new Error(this.failures().join('\n'));
  }

  /** A program is started again in the terminal where it ran: once it has ended. */
  async #prompt(command: string): Promise<void> {
    const [name, program] = command.split(' ');
    const sameProgram = (terminal: Terminal): boolean => terminal.command.startsWith(`${name} ${program}`);
    await until(
      () => !this.terminals.some((terminal) => terminal.running && sameProgram(terminal)),
      () => `${name} ${program} does not end`,
    );
  }

  /** Ctrl-C where this runs; tells in which folder that is. */
  async #interrupt(command: string): Promise<string> {
    const terminal = this.terminals.findLast((other) => other.running && other.command === command);
    if (terminal === undefined) throw new Error(`nothing runs "${command}"`);
    terminal.interrupt();
    await until(
      () => !terminal.running,
      () => `${command} does not end`,
    );
    return terminal.cwd;
  }
}
