import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { userEnvironment } from '@sws/testing/checkout-copy';

const JUDGE = fileURLToPath(new URL('./children/judge.js', import.meta.url));

/** A test file, and the ids of the tests to run in it. */
export interface JudgedFile {
  readonly path: string;
  readonly tests: ReadonlyMap<string, unknown>;
}

/** A request to a warm vitest. */
export interface JudgeOrder {
  /** Files that changed since the last run. */
  readonly changed: readonly string[];
  /** `null` for all tests of a file. */
  readonly files: readonly { readonly path: string; readonly tests: readonly string[] | null }[];
  /** Whether the first failure ends the run. */
  readonly bail: boolean;
  /** The time limit of each test and hook, in ms. */
  readonly timeoutMs: number;
}

/** The first test that failed, or another failure, and the time until it failed. */
export interface JudgeFailure {
  readonly by: string;
  readonly ms: number;
  /** Null if no test failed, but something else. */
  readonly test: { readonly path: string; readonly id: string } | null;
}

/** The result of a run. `files` has the tests that passed. */
export interface JudgeReport {
  readonly failures: readonly JudgeFailure[];
  readonly files: readonly {
    readonly path: string;
    readonly tests: readonly { readonly id: string; readonly ms: number }[];
  }[];
}

/** Runs tests of the package in a folder. It keeps one vitest warm until a run times out. */
export class Judge {
  readonly #folder: string;
  readonly #setup: string | null;
  #vitest: ChildProcess | null = null;
  #changed = new Set<string>();

  /** `setup` is a module that runs before each test file. */
  constructor(folder: string, setup: string | null = null) {
    this.#folder = folder;
    this.#setup = setup;
  }

  /** Marks a source as changed. */
  changed(path: string): void {
    this.#changed.add(path);
  }

  /** Runs tests until one fails; resolves with the failure. A run longer than `patienceMs` counts as a failure. */
  async run(files: readonly JudgedFile[], timeoutMs: number, patienceMs: number): Promise<JudgeFailure | null> {
    const chosen = files.map(({ path, tests }) => ({ path, tests: [...tests.keys()] }));
    const { failures } = await this.#ask({ files: chosen, bail: true, timeoutMs }, patienceMs);
    return failures[0] ?? null;
  }

  /** Runs every test of these files. */
  runAll(paths: readonly string[], timeoutMs: number, patienceMs: number): Promise<JudgeReport> {
    return this.#ask({ files: paths.map((path) => ({ path, tests: null })), bail: false, timeoutMs }, patienceMs);
  }

  async #ask(asked: Omit<JudgeOrder, 'changed'>, patienceMs: number): Promise<JudgeReport> {
    const vitest = this.#vitest ?? (await this.#start());
    const order: JudgeOrder = { ...asked, changed: [...this.#changed] };
    this.#changed.clear();
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), patienceMs);
    try {
      const report = once(vitest, 'message', { signal: ending.signal }) as Promise<[JudgeReport]>;
      const exited = once(vitest, 'exit', { signal: ending.signal });
      vitest.send(order);
      const [said] = await Promise.race([report, exited.then(() => [null])]);
      if (said !== null) return said;
      this.end();
      return { failures: [{ by: 'vitest ended', ms: 0, test: null }], files: [] };
    } catch {
      this.end();
      return { failures: [{ by: 'it ran on', ms: patienceMs, test: null }], files: [] };
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
  }

  /** Ends vitest, the running tests, and the processes that they have started. */
  end(): void {
    try {
      if (this.#vitest?.pid !== undefined) process.kill(-this.#vitest.pid, 'SIGKILL');
    } catch {
      // All have ended.
    }
    this.#vitest = null;
  }

  async #start(): Promise<ChildProcess> {
    const vitest = spawn(process.execPath, [JUDGE, ...(this.#setup === null ? [] : [this.#setup])], {
      cwd: this.#folder,
      // Do not build: the copy has what was built before.
      env: { ...userEnvironment(), SWS_BUILT: '1' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    this.#vitest = vitest;
    await once(vitest, 'message');
    return vitest;
  }
}
