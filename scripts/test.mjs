// `pnpm test`: builds everything, lints, runs every package's tests, and sums the runner's own results.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { build } from './build.mjs';

const results = new URL('../.test-results.json', import.meta.url);
rmSync(results, { force: true });

const unbuilt = build([]);
if (unbuilt !== null) console.error(unbuilt);
// What the tests of single packages build for themselves.
else process.env.SWS_BUILT = '1';
let sound = unbuilt === null;
const steps = [
  ['biome', ['check', '.']],
  ['vitest', ['run']],
];
for (const [command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status === 0) continue;
  sound = false;
  console.error(`${command} ${args.join(' ')} failed`);
}
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
try {
  const { testResults, ...counts } = JSON.parse(readFileSync(results, 'utf8'));
  totals.passed = counts.numPassedTests;
  totals.failed = counts.numFailedTests;
  totals.skipped = counts.numPendingTests;
  for (const file of testResults) {
    for (const test of file.assertionResults) if (test.status === 'skipped') console.log(`skipped: ${test.fullName}`);
    if (file.status !== 'failed') continue;
    failures.push(`failed: ${file.name}: ${file.message}`);
    for (const test of file.assertionResults)
      if (test.status === 'failed')
        failures.push(`failed: ${file.name}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
  }
} catch (error) {
  sound = false;
  console.error('no test results:', error.message);
}
// Again at the end, since of a long log often only the end is kept.
for (const failure of failures) console.log(failure);
// What failed without a failing test (build, lint, a file that can't be loaded, a crashed runner) counts as one.
if (!sound && totals.failed === 0) totals.failed = 1;
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
