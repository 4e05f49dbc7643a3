// The default Node and Chromium of the matrix that `pnpm test:runtimes` prints whole.
import process from 'node:process';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Host, startHost } from '../dist/host.js';
import { runInProcess } from '../dist/process-runtime.js';
import { runInChromium } from '../src/browsers.js';
import type { CaseResult } from '../src/suite.js';

let host: Host;
beforeEach(async () => {
  host = await startHost();
});
afterEach(() => host.close());

function expectAllSound(results: readonly CaseResult[]): void {
  expect(results.filter(({ error }) => error !== null)).toEqual([]);
  expect(results.length).toBeGreaterThan(8);
}

test('this Node: every behaviour of the suite', { timeout: 60_000 }, async () => {
  expectAllSound(await runInProcess({ file: process.execPath, args: [] }, host));
});

describe.skipIf(!hasChromium)('Chromium (skipped where there is none)', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  test.each(['page', 'worker'] as const)('in a %s, as Vite bundles it', { timeout: 60_000 }, async (place) => {
    expectAllSound(await runInChromium(browser, place, host));
  });
});
