import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readUsage, type Usage } from './usage.js';

/** The options of a child. */
export interface ChildOptions {
  /** A short name for figures and errors. */
  readonly name: string;
  /** A compiled script of this package (`children/sender.js`), or any program. */
  readonly command: URL | string;
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Flags of Node itself, for scripts. */
  readonly nodeFlags?: readonly string[];
  /** Whether a line of stdout says that the child is ready. @defaultValue the first line */
  readonly ready?: (line: string) => boolean;
  /** @defaultValue 30,000 */
  readonly readyTimeoutMs?: number;
}

/** A report of a child of this package: one JSON object on a line of stdout. */
export interface ChildReport {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** How much of the end of stderr is kept for errors. */
const KEPT_STDERR_BYTES = 8_192;
const KEPT_REPORTS = 10_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A child process that reports when it is ready. `report` events are its JSON lines, `line` events are all lines of its
 * stdout, and `exit` comes when it has ended. It ends with this process.
 */
export class Child extends EventEmitter<{ report: [ChildReport]; line: [string]; exit: [number | null] }> {
  readonly options: ChildOptions;
  /** The line that said "ready". */
  readyLine = '';
  /** The last 10,000 reports so far. */
  readonly reports: ChildReport[] = [];
  #process: ChildProcess;
  #stderr = '';
  #exited: Promise<number | null>;

  private constructor(options: ChildOptions) {
    super();
    this.options = options;
    [this.#process, this.#exited] = this.#spawn(options.args ?? []);
  }

  /** Starts a child. Resolves when it is ready; rejects with its stderr if it exits, or is not ready in time. */
  static async start(options: ChildOptions): Promise<Child> {
    const child = new Child(options);
    await child.#whenReady();
    return child;
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }
  get stderr(): string {
    return this.#stderr;
  }
  /** Resolves with the exit code when the process has ended; `null` if a signal ended it. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }
  /** The ready line of a child of this package, parsed. */
  get readyReport(): ChildReport {
    return JSON.parse(this.readyLine) as ChildReport;
  }

  /** Returns CPU time and memory so far; `null` if there is no `/proc`, or the process has ended. */
  usage(): Usage | null {
    return readUsage(this.pid);
  }

  /** Writes one line to its stdin. */
  write(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal, and SIGKILL after `graceMs`. Resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<number | null> {
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    const code = await this.#exited;
    clearTimeout(timer);
    return code;
  }

  /** Kills it (SIGKILL) and starts it again, with other arguments if given. Resolves when it is ready. */
  async restart(args: readonly string[] = this.options.args ?? []): Promise<void> {
    await this.stop('SIGKILL');
    [this.#process, this.#exited] = this.#spawn(args);
    await this.#whenReady();
  }

  /**
   * Resolves with the first report for which `matches` returns true, past ones included. Rejects if the child exits
   * first, or after `timeoutMs`.
   */
  report(matches: (report: ChildReport) => boolean, timeoutMs: number): Promise<ChildReport> {
    const past = this.reports.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return this.#first(timeoutMs, 'made no such report', (resolve) => {
      const onReport = (report: ChildReport): void => {
        if (matches(report)) resolve(report);
      };
      this.on('report', onReport);
      return () => this.off('report', onReport);
    });
  }

  #spawn(args: readonly string[]): [ChildProcess, Promise<number | null>] {
    const { command, env, cwd, nodeFlags = [], name } = this.options;
    const [program, all] =
      command instanceof URL ? [process.execPath, [...nodeFlags, fileURLToPath(command), ...args]] : [command, args];
    const child = spawn(program, all, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    running.add(child);
    // A write to an ended child fails. The event `exit` reports its end.
    child.stdin.on('error', () => {});
    child.stderr.on('data', (data: Buffer) => {
      this.#stderr = `${this.#stderr}${data}`.slice(-KEPT_STDERR_BYTES);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${name} could not be started`, { cause })));
      child.once('close', (code) => {
        running.delete(child);
        resolve(code);
        this.emit('exit', code);
      });
    });
    exited.catch(() => {});
    return [child, exited];
  }

  #line(line: string): void {
    this.emit('line', line);
    if (!line.startsWith('{')) return;
    try {
      const report = JSON.parse(line) as ChildReport;
      this.reports.push(report);
      if (this.reports.length > KEPT_REPORTS) this.reports.shift();
      this.emit('report', report);
    } catch {
      // It is not a report.
    }
  }

  async #whenReady(): Promise<void> {
    const { ready = () => true, readyTimeoutMs = 30_000 } = this.options;
    try {
      this.readyLine = await this.#first(readyTimeoutMs, 'was not ready', (resolve) => {
        const onLine = (line: string): void => {
          if (ready(line)) resolve(line);
        };
        this.on('line', onLine);
        return () => this.off('line', onLine);
      });
    } catch (error) {
      this.#process.kill('SIGKILL');
      throw error;
    }
  }

  /** Resolves with the value that `listen` reports. Rejects if the child exits first, or after `timeoutMs`. */
  #first<T>(timeoutMs: number, complaint: string, listen: (resolve: (value: T) => void) => () => void): Promise<T> {
    const { name } = this.options;
    return new Promise((resolve, reject) => {
      let stopListening = (): void => {};
      const finish = (): void => {
        clearTimeout(timer);
        stopListening();
      };
      const fail = (message: string): void => {
        finish();
        reject(new Error(`${name} ${message}: ${this.#stderr}`));
      };
      const timer = setTimeout(() => fail(`${complaint} in ${timeoutMs} ms`), timeoutMs);
      stopListening = listen((value) => {
        finish();
        resolve(value);
      });
      this.#exited.then(
        (code) => fail(`exited with ${code}`),
        (error: unknown) => fail(String(error)),
      );
    });
  }
}
