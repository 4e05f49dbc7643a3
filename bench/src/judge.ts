import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { userEnvironment } from '@sws/testing/checkout-copy';

const JUDGE = fileURLToPath(new URL('./children/judge.js', import.meta.url));

/** A test file, and which of its tests, by their ids. */
export interface JudgedFile {
  readonly path: string;
  readonly tests: ReadonlyMap<string, unknown>;
}

/** What a warm vitest is asked to run. */
export interface JudgeOrder {
  /** Files that are no longer what they were at the last run. */
  readonly changed: readonly string[];
  /** `null` for all tests of a file. */
  readonly files: readonly { readonly path: string; readonly tests: readonly string[] | null }[];
  /** Whether the first failure ends the run. */
  readonly bail: boolean;
  /** How long each test and hook may take. */
  readonly timeoutMs: number;
}

/** The first test that failed, or what else went wrong, and how long it took to. */
export interface JudgeFailure {
  readonly by: string;
  readonly ms: number;
  /** Null if it was none of the tests. */
  readonly test: { readonly path: string; readonly id: string } | null;
}

/** What a run of test files said: `files` has the tests that passed. */
export interface JudgeReport {
  readonly failures: readonly JudgeFailure[];
  readonly files: readonly {
    readonly path: string;
    readonly tests: readonly { readonly id: string; readonly ms: number }[];
  }[];
}

/** Runs tests of the package in a folder, in one vitest that stays warm until a run does not end. */
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

  /** Tells that a source is another now. */
  changed(path: string): void {
    this.#changed.add(path);
  }

  /** Runs tests until one fails, and gives that failure. A run that takes longer than `patienceMs` has failed. */
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

  /** Ends vitest, the tests that run, and what they have started. */
  end(): void {
    try {
      if (this.#vitest?.pid !== undefined) process.kill(-this.#vitest.pid, 'SIGKILL');
    } catch {
      // All are gone.
    }
    this.#vitest = null;
  }

  async #start(): Promise<ChildProcess> {
    const vitest = spawn(process.execPath, [JUDGE, ...(this.#setup === null ? [] : [this.#setup])], {
      cwd: this.#folder,
      // What was built stays as it is here.
      env: { ...userEnvironment(), SWS_BUILT: '1' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    this.#vitest = vitest;
    await once(vitest, 'message');
    return vitest;
  }
}
