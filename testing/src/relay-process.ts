import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../apps/relay/dist/main.js', import.meta.url));
const START_MS = 15_000;

/** Creates a folder for one test file's identities, lists and certificates. The caller removes it. */
export function temporaryFolder(): { readonly path: (name: string) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'sws-relay-'));
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** `sws-relay` as an operator runs it: a process with flags, an environment, output and signals. */
export class RelayProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout = '';
  stderr = '';
  url = '';
  serverKey = '';

  private constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    standardError: 'pipe' | number = 'pipe',
  ) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', standardError],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = once(this.child, 'close').then(([code]) => code);
  }

  /** Starts it without waiting for anything. */
  static spawn(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): RelayProcess {
    return new RelayProcess(args, env);
  }

  /**
   * Starts it and waits until it listens. `standardError` can be a file descriptor for its log, which is then not read
   * here.
   */
  static async start(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    standardError: 'pipe' | number = 'pipe',
  ): Promise<RelayProcess> {
    const relay = new RelayProcess(args, env, standardError);
    try {
      await relay.listening();
    } catch (error) {
      await relay.stop();
      throw error;
    }
    return relay;
  }

  async listening(): Promise<void> {
    await this.until(() => this.stdout.includes('Server key'), 'listen');
    this.url = /listening on (\S+)/.exec(this.stdout)?.[1] ?? '';
    this.serverKey = /pin this relay\): (\S+)/.exec(this.stdout)?.[1] ?? '';
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Its log so far, one object a line. */
  get log(): readonly Record<string, unknown>[] {
    return this.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  /** Waits until `done` returns true. Rejects if the process exits first, or after `timeoutMs`. */
  async until(done: () => boolean, what: string, timeoutMs = START_MS): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!done()) {
      if (this.child.exitCode !== null || Date.now() > end) throw new Error(`did not ${what}: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  async logged(message: string): Promise<Record<string, unknown>> {
    await this.until(() => this.log.some(({ msg }) => msg === message), `log "${message}"`);
    return this.log.find(({ msg }) => msg === message) ?? {};
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}
