import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Whether this checkout has a git repository. Without one, it cannot be copied. */
export const isGitCheckout = existsSync(join(ROOT, '.git'));

/** A fresh clone of this checkout, with its uncommitted changes. */
export interface CheckoutCopy {
  readonly folder: string;
  /** Runs git in it, and returns the output. @throws Error with the output if git fails */
  git(...args: readonly string[]): string;
  remove(): void;
}

/** Copies every file that git tracks or would add, and commits them in a new repository. The caller removes it. */
export function copyCheckout(): CheckoutCopy {
  const folder = mkdtempSync(join(tmpdir(), 'sws-checkout-'));
  const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: folder, encoding: 'utf8' });
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of files.split('\0'))
    if (file !== '' && existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Somebody');
  git('config', 'user.email', 'somebody@localhost');
  git('add', '--all');
  git('commit', '--quiet', '--no-verify', '--message', 'Everything');
  return { folder, git, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Returns the user's environment, without the variables of the test run. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const ofTheRun = /^(npm_|pnpm_|PNPM_|SWS_|VITEST|NODE_ENV|TURBO)/;
  const own = Object.entries(process.env).filter(([name]) => !ofTheRun.test(name));
  return {
    ...Object.fromEntries(own),
    NO_COLOR: '1',
    pnpm_config_prefer_offline: 'true',
    TURBO_TELEMETRY_DISABLED: '1',
  };
}

/**
 * Whether `npx -y pnpm` works without the registry, as in a checkout set up as its README says. Asking the registry
 * takes time.
 */
export function pnpmIsAtHand(): boolean {
  const env = { ...process.env, npm_config_offline: 'true' };
  return spawnSync('npx', ['-y', 'pnpm', '--version'], { env }).status === 0;
}
