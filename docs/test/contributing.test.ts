// A newcomer's first hour: the commands of CONTRIBUTING.md, in the order in which they stand, in a fresh clone.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CheckoutCopy,
  copyCheckout,
  isGitCheckout,
  pnpmIsAtHand,
  userEnvironment,
} from '@sws/testing/checkout-copy';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './checkout.js';
import { snippetsOf } from './snippets.js';

const COMMAND_MS = 120_000;
const snippets = snippetsOf(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8'));
const commands = snippets.filter(({ notRun }) => notRun === null).flatMap(({ text }) => text.split('\n'));

describe.skipIf(!isGitCheckout)('CONTRIBUTING.md (skipped outside a git checkout)', () => {
  // What this checkout has built of the same sources need not be built again.
  const cache = { TURBO_CACHE_DIR: join(ROOT, '.turbo/cache') };
  const env = { ...userEnvironment(), ...cache, npm_config_offline: String(pnpmIsAtHand()) };
  let clone: CheckoutCopy;
  beforeAll(() => {
    clone = copyCheckout();
  }, COMMAND_MS);
  afterAll(() => clone.remove(), COMMAND_MS);

  test.each(commands)('%s', { timeout: COMMAND_MS }, (command) => {
    const options = { cwd: clone.folder, env, encoding: 'utf8', timeout: COMMAND_MS } as const;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', command], options);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  });

  test('the commands change no file', () => {
    expect(clone.git('status', '--short')).toBe('');
  });
});

test('each block that is not run says why', () => {
  expect(snippets.filter(({ notRun }) => notRun !== null).map(({ text }) => text)).toEqual([
    expect.stringContaining('test:watch'),
    expect.stringContaining('test:deep'),
    'npx -y pnpm test',
    'npx -y pnpm docs:api',
    'npx -y pnpm prove',
  ]);
});
