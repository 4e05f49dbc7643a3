import { type ChildProcess, spawn } from 'node:child_process';

/** How long a program may take to say what it should, on a busy machine. */
const WAIT_MS = 60_000;
const ADDRESS = '[0-9a-f]{64}';
const SHORT_ADDRESS = /[0-9a-f]{4}…[0-9a-f]{4}/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals' colours begin with it
const COLOURS = /\u001b\[[0-9;]*m/g;

/** What the short addresses of a document stand for. */
export type Addresses = Map<string, string>;

/** The text with each `0123…cdef` that is known as the address it stands for. */
export function spellOut(text: string, addresses: Addresses): string {
  return text.replace(SHORT_ADDRESS, (short) => addresses.get(short) ?? short);
}

/** A pattern for one expected line: `…` is anything, a short address any address, the first time. */
function patternOf(line: string, addresses: Addresses): { readonly pattern: RegExp; readonly names: string[] } {
  const names: string[] = [];
  const source = spellOut(line, addresses)
    .split(/([0-9a-f]{4}…[0-9a-f]{4})/)
    .map((part) => {
      if (/^[0-9a-f]{4}…[0-9a-f]{4}$/.test(part)) {
        names.push(part);
        return `(${ADDRESS})`;
      }
      return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*');
    })
    .join('');
  return { pattern: new RegExp(`^${source}$`), names };
}

/** A command in a terminal: what it has printed, as far as it has been read. */
export class Terminal {
  readonly command: string;
  readonly cwd: string;
  readonly #child: ChildProcess;
  #output = '';
  #read = 0;
  #ended = false;

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    this.command = command;
    this.cwd = cwd;
    // A group of its own, so that Ctrl-C reaches all of it, as in a terminal.
    this.#child = spawn('bash', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text.replace(COLOURS, '');
      });
    this.#child.on('close', () => {
      this.#ended = true;
    });
  }

  /** Whether it, or what it has started in the background, has not ended. */
  get running(): boolean {
    return !this.#ended;
  }
  /** Whether it has ended itself. */
  get ended(): boolean {
    return this.#ended || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
  /** Whether it ended by itself, and not well. */
  get failed(): boolean {
    return this.ended && this.#child.exitCode !== 0 && this.#child.signalCode === null;
  }
  get output(): string {
    return this.#output;
  }

  /** Whether the next lines are these; they are then read, and short addresses in them stand for what was there. */
  reads(expected: readonly string[], addresses: Addresses): boolean {
    const lines = this.#output.slice(this.#read).split('\n');
    // The last one has not ended.
    lines.pop();
    const found = new Map<string, string>();
    let at = 0;
    let skips = false;
    for (const line of expected) {
      if (line === '…') {
        skips = true;
        continue;
      }
      const { pattern, names } = patternOf(line, addresses);
      const next = skips ? lines.findIndex((printed, index) => index >= at && pattern.test(printed)) : at;
      const match = pattern.exec(lines[next] ?? '');
      if (next < 0 || match === null) return false;
      names.forEach((name, index) => {
        found.set(name, match[index + 1] ?? '');
      });
      at = next + 1;
      skips = false;
    }
    for (const [name, address] of found) addresses.set(name, address);
    this.#read += lines.slice(0, at).reduce((length, line) => length + line.length + 1, 0);
    return true;
  }

  /** Ctrl-C. */
  interrupt(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGINT');
  }

  /** Ends it, and what it has started. */
  kill(): void {
    if (this.#child.pid === undefined || this.#ended) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Waits until something holds. @throws Error with what was waited for */
export async function until(holds: () => boolean, what: () => string): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`timed out: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
