import type { ViteUserConfig } from 'vitest/config';

/** One more than a small machine has processors: many tests wait for programs that they have started. */
export const MAX_WORKERS = 3;

/** The settings every package's tests run with. */
export function shared(name: string): NonNullable<ViteUserConfig['test']> {
  return {
    name,
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    maxWorkers: MAX_WORKERS,
  };
}
