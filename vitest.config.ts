import { defineConfig } from 'vitest/config';
import { MAX_WORKERS } from './vitest.shared.js';

// All packages' tests in one run, for `pnpm test`; in a package's folder `vitest run` takes that package's own.
export default defineConfig({
  test: {
    projects: ['{packages,apps,tests,examples}/*/vitest.config.ts', 'docs/vitest.config.ts'],
    reporters: ['default', 'json'],
    // `scripts/test.mjs` sums them.
    outputFile: { json: '.test-results.json' },
    maxWorkers: MAX_WORKERS,
  },
});
