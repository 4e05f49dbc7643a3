import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MUTANTS, type Mutant, mutate } from './mutants.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What must find them, where a mutant does not say otherwise. */
const TESTS = ['test/simulator', 'test/connection', 'test/fuzz'];
const MAX_RUNS = '200';

test('every seeded defect still fits the source', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  for (const mutant of MUTANTS) {
    const code = readFileSync(`${ROOT}src/${mutant.file}`, 'utf8');
    expect(mutate(mutant, code)).not.toBe(code);
    // A private name that the file does not have keeps it from being loaded.
    for (const [name] of mutant.replace.matchAll(/#\w+/g)) expect(code).toContain(name);
  }
});

/** The tests that fail with a defect in the source, or with none. Timeouts count for nothing. */
function failures(mutant: Mutant | undefined): { found: string[]; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sws-mutant-'));
  const { stderr } = spawnSync(
    process.execPath,
    [
      `${ROOT}node_modules/vitest/vitest.mjs`,
      'run',
      ...(mutant?.by === undefined ? TESTS : [mutant.by]),
      '--exclude=**/malicious-*.deep.test.ts',
      '--reporter=json',
      `--outputFile=${folder}/result.json`,
      '--bail=1',
      // Of files that run beside each other, the one that fails may be cut off by its own bail before it has told.
      '--no-file-parallelism',
      '--testTimeout=240000',
    ],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, SWS_MUTANT: mutant?.name, SWS_RUNS: MAX_RUNS, SWS_MUTANTS: undefined },
    },
  );
  const { testResults } = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as {
    testResults: {
      message: string;
      assertionResults: { status: string; title: string; failureMessages: string[] }[];
    }[];
  };
  rmSync(folder, { recursive: true });
  const found = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(
      ({ status, failureMessages }) => status === 'failed' && !/STACK_TRACE|timed out/.test(failureMessages.join()),
    )
    .map(({ title, failureMessages }) => `"${title}": ${failureMessages[0]?.split('\n')[0]}`);
  return { found, output: stderr + testResults.map(({ message }) => message).join() };
}

// `pnpm soak mutants`: each takes a run of the tests that should find it.
if (process.env.SWS_MUTANTS !== undefined) {
  test('without a defect nothing fails', { timeout: 600_000 }, () => {
    expect(failures(undefined).found).toEqual([]);
  });

  for (const mutant of MUTANTS.filter(({ name }) => name.includes(process.env.SWS_MUTANTS ?? ''))) {
    test(`found: ${mutant.name}`, { timeout: 600_000 }, () => {
      const { found, output } = failures(mutant);
      // A mutant that does not even load is not found by a test.
      expect(found.length, output).toBeGreaterThan(0);
      console.log(`${mutant.name}\n  by ${found.join('\n  by ')}`);
    });
  }
}
