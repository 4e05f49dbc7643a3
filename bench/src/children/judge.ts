// A vitest that stays warm: runs the tests of the package in whose folder it stands as often as its parent asks.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TestModule } from 'vitest/node';
import type { JudgeFailure, JudgeOrder, JudgeReport } from '../judge.js';

// The package's own vitest: two of one version do not know each other's tests.
const installed = pathToFileURL(join(process.cwd(), 'node_modules/vitest/dist/node.js')).href;
const { createVitest } = (await import(installed)) as typeof import('vitest/node');
const [setup] = process.argv.slice(2);

let failures: JudgeFailure[] = [];
let bails = true;
let ended: TestModule[] = [];
const fail = (by: string, ms = 0, test: JudgeFailure['test'] = null): void => {
  failures.push({ by, ms, test });
  if (bails) void vitest.cancelCurrentRun('test-failure');
};
const vitest = await createVitest('test', {
  watch: false,
  // A change must be loaded anew each time.
  isolate: true,
  reporters: [
    {
      onTestCaseResult(test) {
        if (test.result().state !== 'failed') return;
        const { moduleId: path } = test.module;
        fail(`${path.split('/').pop()}: ${test.fullName}`, test.diagnostic()?.duration, { path, id: test.id });
      },
      onTestModuleEnd(module) {
        ended.push(module);
        // Hooks fail a file or a suite of it, and no test.
        const ofTests = !module.children.allTests('failed').next().done;
        if (module.state() === 'failed' && !ofTests) fail(`${module.moduleId.split('/').pop()} as a whole`);
      },
    },
  ],
  ...(setup === undefined ? {} : { setupFiles: [setup], retry: 2 }),
});
const project = vitest.projects[0];
if (project === undefined) throw new Error(`no tests in ${process.cwd()}`);

process.on('message', async ({ changed, files, bail, timeoutMs }: JudgeOrder) => {
  failures = [];
  bails = bail;
  ended = [];
  for (const file of changed) vitest.invalidateFile(file);
  project.config.testTimeout = timeoutMs;
  project.config.hookTimeout = timeoutMs;
  const { unhandledErrors } = await vitest.runTestSpecifications(
    files.map(({ path, tests }) =>
      project.createSpecification(path, tests === null ? undefined : { testIds: [...tests] }),
    ),
  );
  if (unhandledErrors.length > 0) fail('an error outside of the tests');
  if (failures.length === 0 && ended.length < files.length) fail('a file that did not end');
  const report: JudgeReport = {
    failures,
    files: ended.map((module) => ({
      path: module.moduleId,
      tests: [...module.children.allTests()]
        .filter((test) => test.result().state === 'passed')
        .map((test) => ({ id: test.id, ms: test.diagnostic()?.duration ?? 0 })),
    })),
  };
  process.send?.(report);
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
