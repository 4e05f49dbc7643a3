import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

/** The settings every package's tests run with; results also go to a file that `scripts/test.mjs` sums. */
export function shared(name: string): NonNullable<ViteUserConfig['test']> {
  return {
    include: ['test/**/*.test.ts'],
    reporters: ['default', 'json'],
    outputFile: { json: fileURLToPath(new URL(`.test-results/${name}.json`, import.meta.url)) },
    testTimeout: 20_000,
    hookTimeout: 20_000,
    maxWorkers: 2,
  };
}
