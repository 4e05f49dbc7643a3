// `pnpm test`: builds everything, lints, runs every package's tests one after another, and sums the runners' own results.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';

const results = new URL('../.test-results/', import.meta.url);
rmSync(results, { recursive: true, force: true });
const run = (command, args) =>
  spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;

// The tests use clocks and real sockets: one package at a time, so that they do not starve each other.
const steps = [
  ['turbo', ['run', 'build', '--output-logs=errors-only']],
  ['biome', ['check', '.']],
  ['turbo', ['run', 'test', '--concurrency=1', '--continue', '--output-logs=full']],
];
let sound = true;
for (const [command, args] of steps) {
  if (!run(command, args)) {
    sound = false;
    console.error(`${command} ${args.join(' ')} failed`);
  }
}
const failures = [];
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const name of readdirSync(results)) {
    const result = JSON.parse(readFileSync(new URL(name, results), 'utf8'));
    totals.passed += result.numPassedTests;
    totals.failed += result.numFailedTests + (result.numFailedTestSuites > 0 && result.numFailedTests === 0 ? 1 : 0);
    totals.skipped += result.numPendingTests;
    for (const file of result.testResults) {
      for (const test of file.assertionResults) if (test.status === 'pending') console.log(`skipped: ${test.fullName}`);
      if (file.status !== 'failed') continue;
      failures.push(`failed: ${file.name}: ${file.message}`);
      for (const test of file.assertionResults)
        if (test.status === 'failed')
          failures.push(`failed: ${file.name}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
    }
  }
} catch (error) {
  sound = false;
  console.error('no test results:', error.message);
}
// Again at the end, since of a long log often only the end is kept.
for (const failure of failures) console.log(failure);
// A step that failed without a failing test (build, lint, a crashed runner) counts as one.
if (!sound && totals.failed === 0) totals.failed = 1;
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
