import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CaseResult, SuiteConfig } from './suite.js';

const run = promisify(execFile);
const SUITE = fileURLToPath(new URL('./here.js', import.meta.url));
/** Outside git; delete it to fetch the runtimes afresh. */
const CACHE = fileURLToPath(new URL('../../../.cache/runtimes/', import.meta.url));
const TIMEOUT_MS = 180_000;
const INSTALL_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 4_194_304;

/** A program that runs JavaScript files, and its arguments before the file's name. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** A runtime fetched from npm into the cache folder, if it is not there yet: never a dependency of this workspace. */
export async function fetchRuntime(name: string, spec: string, bin: string, args: readonly string[]): Promise<Command> {
  const folder = join(CACHE, name);
  const file = join(folder, 'node_modules', bin);
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
    await run('npm', ['install', '--no-audit', '--no-fund', spec], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
      shell: process.platform === 'win32',
    });
  }
  return { file, args };
}

/** What the runtime says of itself. */
export async function versionOf({ file }: Command): Promise<string> {
  const { stdout } = await run(file, ['--version'], { timeout: TIMEOUT_MS });
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim();
}

/** Runs the suite there. @throws Error with what the process wrote, if it broke off */
export async function runInProcess({ file, args }: Command, config: SuiteConfig): Promise<CaseResult[]> {
  const { stdout } = await run(file, [...args, SUITE, JSON.stringify(config)], {
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}
