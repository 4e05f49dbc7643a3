import type { ViteUserConfig } from 'vitest/config';

/** One more than a small machine has processors: many tests wait for programs that they have started. */
export const MAX_WORKERS = 3;

/** Vite's own conditions for Node, after ours: `@sws/source` is a package's TypeScript, so that no build is needed. */
export const SOURCE_CONDITIONS = ['@sws/source', 'module', 'node', 'development|production'];

/** How a package's tests differ from the others'. */
export interface PackageTests {
  /** For tests that start built programs: builds the package, and all that it depends on, before the first test. */
  readonly buildFirst?: boolean;
  /** @defaultValue 20,000 */
  readonly testTimeoutMs?: number;
  /** `false` where neither sources nor tests change anything global: files then share a process, which saves a quarter of their processor time. @defaultValue `true` */
  readonly isolate?: boolean;
}

/** The settings that every package's tests run with. */
export function packageTests(
  name: string,
  { buildFirst = false, testTimeoutMs = 20_000, isolate = true }: PackageTests = {},
): ViteUserConfig {
  return {
    ssr: { resolve: { conditions: SOURCE_CONDITIONS } },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      testTimeout: testTimeoutMs,
      hookTimeout: 20_000,
      maxWorkers: MAX_WORKERS,
      isolate,
      // Room for what dies young: simulated runs make much of it, and spend a quarter less processor time so.
      execArgv: ['--max-semi-space-size=64'],
      ...(buildFirst ? { globalSetup: new URL('scripts/build-first.mjs', import.meta.url).pathname } : {}),
    },
  };
}
