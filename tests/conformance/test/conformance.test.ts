import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { ClientSecureWebSocket } from '@sws/client';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noted } from '../src/conformance/behaviour.js';
import { STATEMENTS } from '../src/conformance/index.js';
import type { Place } from '../src/conformance/page.js';
import { listen, newIdentity, plainServer, Stoppers, secureServer } from './servers.js';

const stoppers = new Stoppers();
let plain: Place;
let secure: Place;

beforeAll(async () => {
  plain = await plainServer(stoppers);
  secure = await secureServer(stoppers);
});
afterAll(() => stoppers.stop());

const named = STATEMENTS.map(({ clause, says, page = false, chromiumDiffers }, index) => ({
  name: `${clause}: ${says}`,
  chromiumDiffers,
  index,
  page,
}));

describe('our WebSocket in Node conforms to the standard', () => {
  const OwnSocket = ClientSecureWebSocket.with({ identity: newIdentity() });
  for (const { name, index } of named.filter(({ page }) => !page))
    test(name, () => STATEMENTS[index]?.run({ ...secure, WebSocket: OwnSocket }));
});

describe.skipIf(!hasChromium)('in Chromium (skipped where there is no Chromium)', () => {
  let browser: Browser;
  let page: Page;
  let address: string;
  let script: string;

  beforeAll(async () => {
    const entry = fileURLToPath(new URL('../src/conformance/page.ts', import.meta.url));
    const built = await build({
      configFile: false,
      logLevel: 'error',
      build: { write: false, minify: false, lib: { entry, formats: ['es'], fileName: 'page' } },
    });
    const [output] = [built].flat();
    const chunk = output !== undefined && 'output' in output ? output.output[0] : undefined;
    script = chunk?.type === 'chunk' ? chunk.code : '';
    const server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><meta charset=utf-8><script type=module src=/page.js></script>');
    });
    const port = await listen(server);
    stoppers.add(async () => server.close());
    browser = await launchChromium('--js-flags=--expose-gc');
    stoppers.add(() => browser.close());
    page = await browser.newPage();
    address = `http://127.0.0.1:${port}/`;
    await page.goto(address);
    await page.waitForFunction(() => typeof globalThis.runStatement === 'function');
  }, 60_000);

  test('a browser bundle does not include the server’s interface', () => {
    expect(script).toContain('ClientSecureWebSocket');
    expect(script).not.toMatch(/WsPeerSocket|node:|createWebSocketStream/);
  });

  describe.each(['browser', 'ours'] as const)('%s', (subject) => {
    const noteUnder = (id: string) =>
      [subject, subject === 'browser' ? plain : secure, `/note?id=${encodeURIComponent(id)}`] as const;

    test('Garbage collection, make disappear: an unloading page closes its sockets with 1001', async () => {
      const leaving = await browser.newPage();
      await leaving.goto(address);
      await leaving.waitForFunction(() => typeof globalThis.leaveOpen === 'function');
      const id = `leaving ${subject}`;
      await leaving.evaluate(([which, where, resource]) => globalThis.leaveOpen(which, where, resource), noteUnder(id));
      await leaving.goto('about:blank');
      await expect.poll(() => noted(id), { timeout: 10_000 }).toBe(JSON.stringify([1001, '', []]));
      await leaving.close();
    });

    test('Garbage collection, make disappear: a removed frame closes its sockets', async () => {
      const id = `frame ${subject}`;
      await page.evaluate(([which, where, resource]) => globalThis.leaveFrame(which, where, resource), noteUnder(id));
      await expect.poll(() => noted(id), { timeout: 10_000 }).toBe(JSON.stringify([1001, '', []]));
    });

    for (const { name, index, chromiumDiffers } of named) {
      const differs = subject === 'browser' && chromiumDiffers !== undefined;
      test(differs ? `${name} (Chromium differs: ${chromiumDiffers})` : name, async () => {
        const wrong = await page.evaluate(([which, where, number]) => globalThis.runStatement(which, where, number), [
          subject,
          subject === 'browser' ? plain : secure,
          index,
        ] as const);
        // Where Chromium itself differs, this tells when it no longer does.
        if (differs) expect(wrong).not.toBeNull();
        else expect(wrong).toBeNull();
      });
    }
  });

  describe('our WebSocket in a Web Worker conforms to the standard', () => {
    for (const { name, index } of named.filter(({ page: needsPage }) => !needsPage))
      test(name, async () => {
        const wrong = await page.evaluate(([where, number]) => globalThis.runInWorker('ours', where, number), [
          secure,
          index,
        ] as const);
        expect(wrong).toBeNull();
      });
  });
});
