// Changes a package's sources and reports which changes its own tests do not notice. `pnpm soak mutation client 120 7`
// makes 120 small changes, chosen by seed 7, one at a time. A regular expression after the seed selects the changes
// whose line of the report it matches. `80-120` in place of 120 selects the last forty. This multiplies all bounds by
// ten: `pnpm soak mutation server 99999 1 'const [A-Z_]+ = .*0\]$'`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyCheckout, userEnvironment } from '@sws/testing/checkout-copy';
import { seeded } from '@sws/testing/seeded';
import { transformWithOxc } from 'vite';
import { applied, type Change, changesOf, withProbes } from '../changes.js';
import { Judge, type JudgeFailure } from '../judge.js';

const PACKAGES: Readonly<Record<string, string>> = {
  client: 'packages/client',
  server: 'packages/server',
  crypto: 'packages/crypto',
  relay: 'apps/relay',
  router: 'packages/router',
};
/** The package whose deep tests, of whole processes, judge too. */
const JUDGED_BY_DEEP_TESTS = 'relay';
/** The share of the changes that must be noticed. */
const LEAST_NOTICED = 0.95;
/** A change also counts as noticed if it makes the tests run this much longer. */
const PATIENCE = { times: 4, ms: 5_000 };
/** How long a test may take while all run, with probes. */
const REACH_MS = 60_000;
/** The approximate time before a file's first test. It helps to run the quickest files first. */
const START_MS = 300;
/** A test that took longer than this to fail must fail twice, because the machine may be busy. */
const LATE_MS = 900;
const TRIES = 3;

interface Chosen extends Change {
  readonly id: number;
  /** File below the package, line, its text, the change. */
  readonly where: string;
  readonly file: string;
}

/** How long a test took that passed, by its id. */
type Durations = ReadonlyMap<string, number>;

/** A test file, and those of its tests that judge. */
interface Judging {
  readonly path: string;
  readonly tests: Durations;
}

interface TestFile extends Judging {
  /** By a change's id the tests that reach its statement: null for all, where it is reached before or after them. */
  readonly reached: ReadonlyMap<number, ReadonlySet<string> | null>;
}

function filesBelow(folder: string, under: string, end: string): string[] {
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = `${under}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(folder, path, end);
    return entry.name.endsWith(end) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

/** A package in a copy of the checkout: its sources, and its own tests. */
class Subject {
  readonly #folder: string;
  readonly #sources: ReadonlyMap<string, string>;
  readonly #built = new Map<string, string>();
  #judge: Judge;
  /** Tests that pass alone without a change, by their ids. */
  readonly #sound = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#judge = new Judge(folder);
    this.#sources = new Map(
      filesBelow(folder, 'src', '.ts').map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
    );
    for (const file of this.#sources.keys()) this.#built.set(file, readFileSync(this.#builtPath(file), 'utf8'));
  }

  /** So many of the changes that its sources can have, each as likely as the others. */
  choose(count: number, seed: number): Chosen[] {
    const random = seeded(seed);
    const all = [...this.#sources].flatMap(([file, source]) =>
      changesOf(file, source).map((change) => ({ ...change, file, source })),
    );
    const chosen: Chosen[] = [];
    while (chosen.length < count && all.length > 0)
      for (const { source, ...change } of all.splice(Math.floor(random() * all.length), 1)) {
        const line = source.slice(0, change.start).split('\n').length;
        const text = source.split('\n')[line - 1]?.trim();
        const was = source.slice(change.start, change.end).split('\n')[0];
        const where = `${change.file}:${line}: ${text} [${was} -> ${change.replacement || 'nothing'}]`;
        chosen.push({ ...change, where, id: chosen.length });
      }
    return chosen;
  }

  /** Which tests reach which changes: all run once, with a probe before each statement in question. */
  async reach(changes: readonly Chosen[], deep: boolean): Promise<TestFile[]> {
    const hits = join(this.#folder, 'reached.txt');
    const setup = join(this.#folder, 'reached-by.ts');
    for (const [file, source] of this.#sources) {
      const probes = new Map<number, string>();
      for (const { id, statement } of changes.filter((change) => change.file === file))
        if (!probes.has(statement)) probes.set(statement, probe(hits, id));
      if (probes.size > 0) await this.#write(file, withProbes(source, probes));
    }
    writeFileSync(setup, reachedBy(hits));
    const paths = filesBelow(this.#folder, 'test', '.test.ts')
      .filter((file) => deep || !file.endsWith('.deep.test.ts'))
      .map((file) => join(this.#folder, file));
    this.#judge = new Judge(this.#folder, setup);
    const { failures, files } = await this.#judge.runAll(paths, REACH_MS, REACH_MS * 10);
    if (files.length < paths.length) throw new Error(`tests fail without a change: ${failures[0]?.by}`);
    // The machine may be busy. Do not use tests that fail without a change.
    for (const { by } of failures) console.log(`  fails without a change: ${by}`);
    this.#judge.end();
    this.#judge = new Judge(this.#folder);
    rmSync(setup);
    for (const file of this.#sources.keys()) this.#restore(file);
    const byStatement = new Map<string, Chosen[]>();
    for (const change of changes)
      byStatement.set(this.#place(change), [...(byStatement.get(this.#place(change)) ?? []), change]);
    const lines = existsSync(hits) ? readFileSync(hits, 'utf8').trim().split('\n') : [];
    const reached = new Map(paths.map((path) => [path, new Map<number, Set<string> | null>()]));
    for (const line of new Set(lines)) {
      const [probed, path = '', test = ''] = line.split('\t');
      const alike = byStatement.get(this.#place(changes[Number(probed)] as Chosen)) ?? [];
      // A program that no test started tells nothing about a test.
      for (const by of path === '' ? reached.values() : [reached.get(path)])
        for (const { id } of alike) {
          if (test === '') by?.set(id, null);
          else if (by?.get(id) !== null) by?.set(id, (by.get(id) ?? new Set()).add(test));
        }
    }
    return files.map(({ path, tests }) => ({
      path,
      tests: new Map(tests.map(({ id, ms }) => [id, ms])),
      reached: reached.get(path) ?? new Map(),
    }));
  }

  /** Makes a change and runs the tests that reach it. Null if none notices. */
  async try(change: Chosen, files: readonly TestFile[]): Promise<string | null> {
    const reaching: (Judging & { readonly ms: number })[] = [];
    for (const { path, tests, reached } of files) {
      const ids = reached.get(change.id);
      if (ids === undefined) continue;
      const passing = new Map([...tests].filter(([id]) => ids === null || ids.has(id)));
      if (passing.size > 0) reaching.push({ path, tests: passing, ms: START_MS + sum(passing.values()) });
    }
    // Run the quickest alone, then more and more at once: the first file notices most changes.
    reaching.sort((a, b) => a.ms - b.ms);
    for (let from = 0, next = 1; from < reaching.length; from = next, next = 2 * from + 1) {
      const by = await this.#judged(change, reaching.slice(from, next));
      if (by !== null) return by;
    }
    return null;
  }

  async #judged(change: Chosen, judged: readonly Judging[]): Promise<string | null> {
    const durations = judged.flatMap(({ tests }) => [...tests.values()]);
    const timeoutMs = Math.round(PATIENCE.ms + PATIENCE.times * Math.max(...durations));
    const patienceMs = PATIENCE.ms * 4 + PATIENCE.times * sum(durations);
    const withChange = async (): Promise<JudgeFailure | null> => {
      await this.#write(change.file, applied(this.#sources.get(change.file) as string, change));
      const failure = await this.#judge.run(judged, timeoutMs, patienceMs);
      this.#restore(change.file);
      return failure;
    };
    for (let tried = 1; ; tried++) {
      const failure = await withChange();
      if (failure === null) return null;
      // It may have failed for lack of time, or of the tests before it. It must pass without the change.
      const { test } = failure;
      const isLate = test === null || failure.ms > LATE_MS;
      if (!isLate && this.#sound.has(test.id)) return failure.by;
      const again = isLate ? judged : [{ path: test.path, tests: new Map([[test.id, 0]]) }];
      const unchanged = await this.#judge.run(again, timeoutMs, patienceMs);
      if (unchanged === null) {
        if (!isLate) this.#sound.add(test.id);
        if (!isLate || (await withChange()) !== null) return failure.by;
      }
      if (tried === TRIES) return null;
    }
  }

  /** Ends the tests that run, and what they have started. */
  end(): void {
    this.#judge.end();
  }

  #place({ file, statement }: Chosen): string {
    return `${file} ${statement}`;
  }

  #builtPath(file: string): string {
    return join(this.#folder, file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
  }

  /** Tests read the sources, and programs that they start what was built. */
  async #write(file: string, source: string): Promise<void> {
    writeFileSync(join(this.#folder, file), source);
    this.#judge.changed(join(this.#folder, file));
    writeFileSync(this.#builtPath(file), (await transformWithOxc(source, file)).code);
  }

  #restore(file: string): void {
    writeFileSync(join(this.#folder, file), this.#sources.get(file) as string);
    this.#judge.changed(join(this.#folder, file));
    writeFileSync(this.#builtPath(file), this.#built.get(file) as string);
  }
}

/** Tells the statements' probes which test runs, those of a program that it starts by a file with this process's id. */
function reachedBy(hits: string): string {
  return `import { afterEach, beforeEach, expect } from 'vitest';
const { testPath } = expect.getState();
const runs = (by) => {
  globalThis.reachedBy = by;
  globalThis.reached = new Set();
  process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(hits)} + process.pid, by);
};
runs(testPath);
beforeEach(({ task }) => runs(testPath + '\\t' + task.id));
afterEach(() => runs(testPath));
`;
}

/** A statement that tells each test once that it was reached: later, where the process can open no file now. */
function probe(hits: string, id: number): string {
  const file = JSON.stringify(hits);
  return `;try { if (!(globalThis.reached ??= new Set()).has(${id})) {
    const fs = process.getBuiltinModule('node:fs');
    if (globalThis.reachedBy === undefined)
      globalThis.reachedBy = fs.existsSync(${file} + process.ppid) ? fs.readFileSync(${file} + process.ppid, 'utf8') : '';
    fs.appendFileSync(${file}, '${id}\\t' + globalThis.reachedBy + '\\n');
    globalThis.reached.add(${id});
  } } catch {};`;
}

function sum(durations: Iterable<number>): number {
  return [...durations].reduce((ms, each) => ms + each, 0);
}

const [name, range = '120', seed = '1', only = ''] = process.argv.slice(2);
if (name === undefined) {
  console.log(`not without a package: pnpm soak mutation ${Object.keys(PACKAGES).join('|')} [changes] [seed]`);
  process.exit(0);
}
const folder = PACKAGES[name];
if (folder === undefined) throw new Error(`${name} is none of ${Object.keys(PACKAGES).join(', ')}`);
const copy = copyCheckout();
let enough = false;
let subject: Subject | null = null;
try {
  // Bun and Deno, where `pnpm test:runtimes` has fetched them: tests of `@sws/server` run in them too.
  const fetched = fileURLToPath(new URL('../../../.cache', import.meta.url));
  if (existsSync(fetched)) symlinkSync(fetched, join(copy.folder, '.cache'));
  const steps = [
    ['npx', ['-y', 'pnpm', 'install', '--frozen-lockfile']],
    [process.execPath, ['scripts/build.mjs', `@sws/${name}`]],
  ] as const;
  for (const [command, args] of steps) {
    const made = spawnSync(command, args, { cwd: copy.folder, env: userEnvironment(), encoding: 'utf8' });
    if (made.status !== 0)
      throw new Error(`${command} ${args.join(' ')} failed in the copy:\n${made.stdout}${made.stderr}`);
  }
  subject = new Subject(join(copy.folder, folder));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      subject?.end();
      copy.remove();
      process.exit(1);
    });
  const [to = 0, from = 0] = range.split('-').map(Number).reverse();
  const changes = subject
    .choose(to, Number(seed))
    .slice(from)
    .map((change, id) => ({ ...change, id }));
  const tried = changes.filter(({ where }) => new RegExp(only).test(where));
  const files = await subject.reach(changes, name === JUDGED_BY_DEEP_TESTS);
  for (const { path, tests, reached } of files)
    console.log(
      `  ${path.split('/').pop()}: ${(sum(tests.values()) / 1_000).toFixed(1)} s, reaches ${reached.size} of ${changes.length}`,
    );
  let noticed = 0;
  for (const change of tried) {
    const by = await subject.try(change, files);
    if (by !== null) noticed++;
    console.log(
      `  ${by === null ? 'NOT NOTICED' : 'noticed'}: ${folder}/${change.where}${by === null ? '' : ` (${by})`}`,
    );
  }
  const percent = ((100 * noticed) / tried.length).toFixed(1);
  console.log(`${name}: ${noticed} of ${tried.length} changes noticed (seed ${seed}), ${percent} %`);
  enough = noticed >= LEAST_NOTICED * tried.length;
} finally {
  subject?.end();
  copy.remove();
}
process.exit(enough ? 0 : 1);
