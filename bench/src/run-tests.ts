import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const TIMEOUT_MS = 3_600_000;

/**
 * Runs tests of a package for longer than `pnpm test` does. The environment says for how long. Returns vitest's exit
 * code, or 1 if no test was run. `file` and `name` select the tests.
 */
export function runTests(folder: string, file: string, name: string, env: Readonly<Record<string, string>>): number {
  const results = mkdtempSync(join(tmpdir(), 'sws-soak-'));
  const report = join(results, 'report.json');
  const args = [
    fileURLToPath(new URL('node_modules/vitest/vitest.mjs', ROOT)),
    'run',
    file,
    '-t',
    name,
    `--testTimeout=${TIMEOUT_MS}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--disable-console-intercept',
  ];
  const cwd = fileURLToPath(new URL(folder, ROOT));
  try {
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env }, cwd });
    if (status !== 0) return status ?? 1;
    if (JSON.parse(readFileSync(report, 'utf8')).numPassedTests > 0) return 0;
    console.error(`no test of ${file} is called "${name}"`);
    return 1;
  } finally {
    rmSync(results, { recursive: true });
  }
}
