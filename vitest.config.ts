import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { MAX_WORKERS } from './vitest.shared.js';

/** Where a file may take half a minute. */
const LONG = /\.deep\.test\.ts$|^(apps\/cli|docs|tests\/(conformance|e2e))\//;

/**
 * Mixes the packages' files. vitest would run one package after the other, and a processor would idle while a package's
 * tests wait for programs. Long files come first, so that none is left over at the end. Short files that share a
 * process come one after the other, since vitest starts another process for the first one of another package.
 */
class Mixed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const places = files.map((file) => {
      const path = relative(this.ctx.config.root, file.moduleId);
      const any = createHash('sha256').update(path).digest('hex');
      const { config, name } = file.project;
      return { file, place: LONG.test(path) ? `0 ${any}` : `1 ${config.isolate ? '' : name} ${any}` };
    });
    return places.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ file }) => file);
  }
}

// All packages' tests in one run, for `pnpm test`; in a package's folder `vitest run` takes that package's own.
export default defineConfig({
  test: {
    projects: ['{packages,apps,tests,examples}/*/vitest.config.ts', 'docs/vitest.config.ts'],
    reporters: ['default', 'json'],
    // `scripts/test.mjs` sums them.
    outputFile: { json: '.test-results.json' },
    maxWorkers: MAX_WORKERS,
    sequence: { sequencer: Mixed },
  },
});
