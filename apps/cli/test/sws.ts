import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Relay, startRelay } from '@sws/relay';
import { afterEach, beforeEach } from 'vitest';

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SAYS_MS = 40_000;

/** A relay of this process and a folder, new for each test, in which the built `sws` runs as a user would run it. */
export class Stage {
  relay: Relay;
  readonly folder: string;
  readonly #children: ChildProcessWithoutNullStreams[] = [];

  constructor(relay: Relay, folder: string) {
    this.relay = relay;
    this.folder = folder;
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs a command of `user`, who has a config folder of that name. */
  as(user: string, ...args: string[]): Command {
    return this.run(args, { XDG_CONFIG_HOME: this.path(user) });
  }
  sws(...args: string[]): Command {
    return this.as('config', ...args);
  }
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
    return this.spawn(process.execPath, [MAIN, ...args], env);
  }
  /** Runs any program, with the environment that `sws` has. */
  spawn(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
    const child = spawn(file, args, {
      cwd: this.folder,
      env: { ...process.env, SWS_RELAY: this.relay.url, XDG_RUNTIME_DIR: this.path('run'), ...env },
    });
    this.#children.push(child);
    return new Command(child);
  }

  async restartRelay(): Promise<void> {
    const port = Number(new URL(this.relay.url).port);
    await this.relay.close();
    this.relay = await startRelay({ port, chat: false });
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.relay.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A running `sws`. */
export class Command {
  readonly child: ChildProcessWithoutNullStreams;
  /** The exit code; `null` if a signal ended it. */
  readonly exit: Promise<number | null>;
  readonly #out: Buffer[] = [];
  #err = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child;
    // A child that ended leaves the rest of its input unread: EPIPE here is no failure of the test.
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      this.#err += chunk.toString();
    });
    this.exit = new Promise((resolve) => child.on('close', resolve));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#out);
  }
  get output(): string {
    return this.bytes.toString();
  }
  get errors(): string {
    return this.#err;
  }
  /** What `--json` has said on standard output. */
  get events(): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits until its standard error has a match; resolves with the first group, or all of it. */
  says(pattern: RegExp): Promise<string> {
    return this.#seen(pattern, this.child.stderr, () => this.#err);
  }
  /** The same of its standard output. */
  prints(pattern: RegExp): Promise<string> {
    return this.#seen(pattern, this.child.stdout, () => this.output);
  }

  #seen(pattern: RegExp, stream: NodeJS.ReadableStream, text: () => string): Promise<string> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(late);
        stream.off('data', check);
      };
      const check = (): void => {
        const match = pattern.exec(text());
        if (match === null) return;
        finish();
        resolve(match[1] ?? match[0]);
      };
      const fail = (why: string): void => {
        finish();
        reject(new Error(`${pattern} did not come: ${why}: ${this.output} ${this.#err}`));
      };
      const late = setTimeout(() => fail(`not in ${SAYS_MS} ms`), SAYS_MS);
      stream.on('data', check);
      void this.exit.then((code) => fail(`it ended with ${code}`));
      check();
    });
  }
}

/** A stage for each test of a file. */
export function useStage(): { readonly now: Stage } {
  const holder: { now: Stage } = { now: undefined as unknown as Stage };
  beforeEach(async () => {
    holder.now = new Stage(await startRelay({ port: 0, chat: false }), await mkdtemp(join(tmpdir(), 'sws-cli-')));
  });
  afterEach(() => holder.now.close());
  return holder;
}
