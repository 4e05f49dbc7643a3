import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const TIMEOUT_MS = 3_600_000;

/**
 * Runs tests of a package longer than `pnpm test` does, told by the environment; gives vitest's exit code. `file` and
 * `name` choose the tests.
 */
export function runTests(folder: string, file: string, name: string, env: Readonly<Record<string, string>>): number {
  const args = [
    fileURLToPath(new URL('node_modules/vitest/vitest.mjs', ROOT)),
    'run',
    file,
    '-t',
    name,
    `--testTimeout=${TIMEOUT_MS}`,
    '--reporter=default',
    '--disable-console-intercept',
  ];
  const cwd = fileURLToPath(new URL(folder, ROOT));
  return spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env }, cwd }).status ?? 1;
}
