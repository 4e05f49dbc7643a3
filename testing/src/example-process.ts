// Runs an example as its own process, for the examples' tests, which read its output.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How long an example may take for one step, on a busy machine. */
export const STEP_MS = 30_000;

/** Returns the path of the program that an example's `start` runs after its build. */
function programOf(example: URL): string {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', example), 'utf8'));
  const program = /&& node (\S+)$/.exec(scripts.start)?.[1];
  if (program === undefined) throw new Error('`start` does not end with a program');
  return fileURLToPath(new URL(program, example));
}

/** A running example, and its output. */
export class Running {
  readonly #child: ChildProcess;
  output = '';

  constructor(example: URL, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [programOf(example), ...args], {
      cwd,
      env: { ...process.env, XDG_CONFIG_HOME: cwd, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
  }

  /** Resolves with the first match in the output. @throws Error with the output if there is none in time */
  async prints(pattern: RegExp): Promise<string> {
    const end = Date.now() + STEP_MS;
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found[1] ?? found[0];
      if (Date.now() > end || this.#child.exitCode !== null) throw new Error(`no ${pattern} in:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Types a line. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends it with SIGTERM, which none of the examples handles. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
  }
}
