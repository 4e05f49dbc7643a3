import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Relay, startRelay } from '@sws/relay';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import { Running, STEP_MS } from '@sws/testing/example-process';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const TEST_MS = 4 * STEP_MS;

describe.skipIf(!hasChromium)('a page and a device (in Chromium; skipped where there is none)', () => {
  let folder = '';
  let relay: Relay;
  let device: Running;
  let browser: Browser;
  let link = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sws-device-'));
    relay = await startRelay({ port: 0, chat: false });
    const example = new URL('../', import.meta.url);
    device = new Running(example, [], folder, { SWS_RELAY: `ws://127.0.0.1:${relay.port}`, PORT: '0' });
    link = await device.prints(/Open (\S+)/);
    browser = await launchChromium();
  }, TEST_MS);
  afterAll(async () => {
    await browser?.close();
    await device?.stop();
    await relay?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A browser of one's own that has opened the link. */
  async function visit(): Promise<Page> {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(STEP_MS);
    await page.goto(link);
    return page;
  }

  test(
    'only the owner reads it and switches the lamp, even while the relay restarts',
    async () => {
      const owner = await visit();
      await owner.getByText(/^\d+(\.\d)? °C$/).waitFor();
      await owner.getByLabel('Lamp').check();
      await owner.getByText('the lamp is on').waitFor();

      const other = await visit();
      await other.getByText('the device belongs to somebody else').waitFor();

      await relay.close();
      await owner.getByText('the relay is away').waitFor();
      await owner.getByLabel('Lamp').uncheck();
      relay = await startRelay({ port: relay.port, chat: false });
      await owner.getByText('the lamp is off').waitFor();
      expect(await owner.getByLabel('Lamp').isChecked()).toBe(false);
    },
    TEST_MS,
  );
});
