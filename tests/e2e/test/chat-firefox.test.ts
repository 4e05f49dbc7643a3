import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { type Relay, startRelay } from '@sws/relay';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, filesWith } from './chat-people.js';

const FIREFOX = process.env.SWS_FIREFOX ?? '/usr/bin/firefox-esr';
const WAIT_MS = 30_000;
const TEST_MS = 180_000;
const CHAT = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'dist');
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** What is waited for: a locator's timeout does not say. */
async function named<T>(what: string, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    throw new Error(`not ${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Somebody at the chat page in Firefox, which finds things as a person does: by role and name, and by what is written. */
class Reader {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
  }

  static async open(browser: Browser, url: string): Promise<Reader> {
    // In windows of their own: a tab behind another is not visible, and draws nothing.
    const context = await browser.createBrowserContext();
    const reader = new Reader(await context.newPage({ type: 'window' }));
    await reader.page.setViewport({ width: 1_100, height: 760 });
    await reader.page.goto(url);
    return reader;
  }

  async press(name: string): Promise<void> {
    await named(`"${name}" pressed`, this.page.locator(`::-p-aria([name="${name}"][role="button"])`).click());
  }

  async write(name: string, text: string): Promise<void> {
    await named(`"${name}" filled`, this.page.locator(`::-p-aria([name="${name}"][role="textbox"])`).fill(text));
  }

  async sees(text: string): Promise<void> {
    await named(`"${text}" seen`, this.page.locator(`::-p-text(${text})`).wait());
  }

  async seesNot(text: string): Promise<void> {
    await eventually(() => this.page.evaluate(() => document.body.textContent)).not.toContain(text);
  }

  async say(text: string): Promise<void> {
    await this.write('Message', text);
    await this.press('Send');
  }

  /** Waits until a message of one's own has come this far. */
  async tick(text: string, state: string): Promise<void> {
    await this.page.locator(`[data-from=me][data-state=${state}] ::-p-text(${text})`).wait();
  }

  async act(text: string, name: string): Promise<void> {
    await this.page.locator(`article ::-p-text(${text})`).hover();
    await this.press(name);
  }

  async value(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => (element as HTMLInputElement).value);
  }
}

describe.skipIf(!existsSync(FIREFOX))(
  'the chat page in Firefox (skipped where there is none)',
  { timeout: TEST_MS },
  () => {
    let browser: Browser;
    let relay: Relay;
    let folder: string;
    beforeAll(async () => {
      relay = await startRelay({ port: 0 });
      folder = await mkdtemp(join(tmpdir(), 'sws-firefox-'));
      const options = { executablePath: FIREFOX, headless: true, userDataDir: folder };
      browser = await puppeteer.launch({ browser: 'firefox', ...options });
    }, TEST_MS);
    afterAll(async () => {
      if (browser?.connected) await browser.close();
      await relay?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test('two people meet, write, reply, search, delete, send files, reload, and restore a backup elsewhere', async () => {
      const alice = await Reader.open(browser, relay.url);
      await alice.sees('Share your link to start talking');
      await eventually(() => alice.value('[data-testid=own-link]')).toContain(relay.url);
      const bob = await Reader.open(browser, await alice.value('[data-testid=own-link]'));
      await bob.sees('Talk to');
      // The link survives a reload, and the one button has the focus.
      await bob.page.reload();
      await bob.sees('Talk to');
      await eventually(() => bob.page.evaluate(() => document.activeElement?.textContent)).toBe('Start talking');
      await bob.press('Start talking');
      await bob.say('Hello from the fox 🦊');
      await alice.sees('wants to talk to you');
      await alice.page.locator('::-p-text(wants to talk to you)').click();
      await alice.sees('Hello from the fox');
      await alice.page.locator('[data-testid=request-name]').fill('Bob');
      await alice.press('Accept');
      // Of several windows one has the focus.
      await alice.page.bringToFront();
      await bob.tick('Hello from the fox', 'seen');
      await alice.act('Hello from the fox', 'Reply');
      await alice.say('Quick and brown: https://example.org/fox');
      // The list of contacts shows a message before the conversation does.
      await bob.page.locator('article ::-p-text(Quick and brown)').wait();
      expect(await bob.page.$eval('article a', (link) => (link as HTMLAnchorElement).rel)).toBe('noopener noreferrer');
      expect(await bob.page.$eval('article .quote', (quote) => quote.textContent)).toContain('Hello from the fox');

      // A file comes, sealed on the disk, and is read as it was.
      const picker = await alice.page.$('[data-testid=file-input]');
      await picker?.evaluate((input) => {
        const files = new DataTransfer();
        files.items.add(new File(['lazy dogs '.repeat(50_000)], 'dogs.txt', { type: 'text/plain' }));
        (input as HTMLInputElement).files = files.files;
        input.dispatchEvent(new Event('change', { bubbles: true }));
      });
      await alice.sees('dogs.txt');
      await alice.page.locator('dialog button[type=submit]').click();
      await bob.press('Download dogs.txt');
      /** What the page would have the browser download. */
      const downloaded = async (reader: Reader, press: () => Promise<void>): Promise<string> => {
        await reader.page.evaluate(() => {
          const made = URL.createObjectURL;
          URL.createObjectURL = (blob: Blob): string => {
            Object.assign(window, { downloaded: blob });
            return made(blob);
          };
          HTMLAnchorElement.prototype.click = () => {};
        });
        await press();
        await eventually(() => reader.page.evaluate(() => 'downloaded' in window)).toBe(true);
        return reader.page.evaluate(async () => {
          const bytes = new Uint8Array(await (Reflect.get(window, 'downloaded') as Blob).arrayBuffer());
          return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
        });
      };
      expect(await downloaded(bob, () => bob.press('Save dogs.txt'))).toBe('lazy dogs '.repeat(50_000));

      await alice.say('This one goes');
      await bob.sees('This one goes');
      await alice.act('This one goes', 'Delete');
      await alice.press('Delete for both');
      await bob.seesNot('This one goes');
      await bob.write('Search', 'brown');
      await bob.sees('1 message with “brown”');
      await bob.press('Clear search');
      await bob.write('Message', 'half a thou');
      await bob.page.reload();
      await bob.sees('Quick and brown');
      await eventually(() => bob.value('textarea')).toBe('half a thou');

      // Back leaves the page about the contact.
      await bob.press(`About unknown ${new URL(await aliceLink(alice)).pathname.slice(1, 5)}`);
      await bob.sees('Security number');
      await bob.page.goBack();
      await eventually(() => bob.page.$('textarea').then((field) => field !== null)).toBe(true);

      // 320 px: nothing is wider than the window.
      await bob.page.setViewport({ width: 320, height: 560 });
      expect(await bob.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
      await bob.page.setViewport({ width: 1_100, height: 760 });

      await bob.press('You and settings');
      await bob.press('Save backup…');
      await bob.page.locator('[data-testid=backup-passphrase]').fill('correct horse battery');
      const backup = await downloaded(bob, () => bob.press('Save backup'));
      await bob.page.close();
      const device = await Reader.open(browser, relay.url);
      await device.press('Settings');
      await device.press('Restore a backup…');
      await device.page.$eval(
        '[data-testid=restore-file]',
        (input, content) => {
          const files = new DataTransfer();
          files.items.add(new File([Uint8Array.from(content, (character) => character.charCodeAt(0))], 'a.backup'));
          (input as HTMLInputElement).files = files.files;
          input.dispatchEvent(new Event('change', { bubbles: true }));
        },
        backup,
      );
      await device.page.locator('[data-testid=restore-passphrase]').fill('correct horse battery');
      await device.page.locator('[data-testid=restore]').click();
      await device.page.locator('[data-testid=contact]').click();
      await device.sees('Hello from the fox');
      await device.say('from my new device');
      await alice.sees('from my new device');
    });

    // The whole run is long enough without it.
    test.skipIf(process.env.SWS_FIREFOX === undefined)(
      'dropped and pasted files, input methods, notifications and updates work, and nothing on disk is plain text (skipped unless SWS_FIREFOX says where Firefox is)',
      async () => {
        const alice = await Reader.open(browser, relay.url);
        await alice.sees('Share your link to start talking');
        await eventually(() => alice.value('[data-testid=own-link]')).toContain(relay.url);
        const bob = await Reader.open(browser, await alice.value('[data-testid=own-link]'));
        await bob.press('Start talking');
        await bob.say('An otter says hello');
        await alice.page.evaluate(() => {
          const asked: string[] = [];
          Object.assign(window, { asked });
          // The browser's own question, which only a person can answer.
          Notification.requestPermission = async () => {
            asked.push('asked');
            return 'granted';
          };
        });
        await alice.sees('wants to talk to you');
        await alice.page.locator('::-p-text(wants to talk to you)').click();
        await alice.page.locator('[data-testid=request-name]').fill('Bob');
        await alice.press('Accept');
        await alice.sees('Get notifications while this page is in the background?');
        const asked = (): Promise<unknown> => alice.page.evaluate(() => Reflect.get(window, 'asked'));
        expect(await asked()).toEqual([]);
        await alice.press('Notify me');
        await alice.seesNot('Get notifications while this page is in the background?');
        expect(await asked()).toEqual(['asked']);

        // An Enter of the input method's belongs to the word; the next one sends.
        await alice.write('Message', 'にほん');
        for (const init of [{ isComposing: true }, { keyCode: 229 }])
          await alice.page.$eval(
            'textarea',
            (field, more) => {
              const pressed = { key: 'Enter', bubbles: true, cancelable: true, ...more };
              field.dispatchEvent(new KeyboardEvent('keydown', pressed));
            },
            init,
          );
        expect(await alice.value('textarea')).toBe('にほん');
        await alice.page.focus('textarea');
        await alice.page.keyboard.press('Enter');
        await bob.sees('にほん');

        /** Drops or pastes a file, and perhaps a text; with whether the page took it. */
        const give = (kind: 'drop' | 'paste', at: string, name: string, text = ''): Promise<boolean> =>
          alice.page.evaluate(
            (type, selector, file, words) => {
              const data = new DataTransfer();
              data.items.add(new File(['the marmot whistles '.repeat(5_000)], file, { type: 'text/plain' }));
              if (words !== '') data.items.add(words, 'text/plain');
              const target = document.querySelector(selector);
              const fire = (event: string): boolean => {
                const fired = new Event(event, { bubbles: true, cancelable: true });
                const property = type === 'drop' ? 'dataTransfer' : 'clipboardData';
                Object.defineProperty(fired, property, { value: data });
                return target?.dispatchEvent(fired) === false;
              };
              if (type === 'drop') fire('dragover');
              return fire(type);
            },
            kind,
            at,
            name,
            text,
          );
        expect(await give('drop', '[data-testid=composer]', 'dropped.txt')).toBe(true);
        await alice.page.locator('dialog ::-p-text(dropped.txt)').wait();
        await alice.page.locator('dialog textarea').fill('dropped, and looked at');
        await alice.page.locator('dialog button[type=submit]').click();
        await bob.sees('dropped, and looked at');
        // One that is dropped beside the conversation opens nothing, and one that comes with a text is offered.
        expect(await give('drop', 'nav', 'beside.txt')).toBe(true);
        expect(await give('paste', '[data-testid=composer]', 'cells.txt', 'A1 B1')).toBe(false);
        await alice.press('Attach the copied picture too');
        await alice.page.locator('dialog ::-p-text(cells.txt)').wait();
        await alice.page.locator('dialog button[type=submit]').click();
        await bob.press('Download cells.txt');
        await bob.page.locator('[data-testid=save]').wait();
        expect(await alice.page.$eval('main', (main) => main.textContent)).not.toContain('beside.txt');
        await alice.write('Message', 'an unfinished heron');
        await bob.write('Search', 'otter');
        await bob.sees('1 message with “otter”');

        // A new version, of which one file differs, is told and taken at a press.
        let version = 1;
        const host = createServer((request, response) => {
          const path = request.url === '/' ? '/index.html' : (request.url ?? '');
          if (!existsSync(join(CHAT, path))) return response.writeHead(404).end();
          response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'text/plain' });
          response.write(readFileSync(join(CHAT, path)));
          return response.end(path === '/service-worker.js' ? `// ${version}` : '');
        }).listen(0, '127.0.0.1');
        await once(host, 'listening');
        const visitor = await Reader.open(browser, `http://127.0.0.1:${(host.address() as AddressInfo).port}/`);
        await visitor.sees('Share your link to start talking');
        await visitor.page.evaluate(async () => void (await navigator.serviceWorker.ready));
        version = 2;
        await visitor.page.reload();
        await visitor.sees('A new version is ready.');
        await visitor.page.evaluate(() => Object.assign(window, { isOld: true }));
        await visitor.press('Update');
        await eventually(() => visitor.page.evaluate(() => Reflect.has(window, 'isOld')).catch(() => true)).toBe(false);
        await visitor.seesNot('A new version is ready.');
        host.close();
        host.closeAllConnections();

        await browser.close();
        expect((await filesWith(folder, 'sws.chat')).length).toBeGreaterThan(0);
        for (const secret of ['otter says', 'にほん', 'marmot whistles', 'and looked at', 'unfinished heron'])
          expect([secret, await filesWith(folder, secret)]).toEqual([secret, []]);
      },
    );
  },
);

async function aliceLink(alice: Reader): Promise<string> {
  await alice.press('My link');
  const link = await alice.value('dialog [data-testid=own-link]');
  await alice.page.keyboard.press('Escape');
  return link;
}
