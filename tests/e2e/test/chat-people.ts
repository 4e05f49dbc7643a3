import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Relay, startRelay } from '@sws/relay';
import { hasChromium, launchChromium, launchProfile } from '@sws/testing/chromium';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';

/** How long a page may take for one step, on a busy machine. */
const WAIT_MS = 30_000;
/** How long a test may take on a busy machine; each step fails by itself, with what it waited for, much earlier. */
const TEST_MS = 120_000;
export const DESKTOP = { width: 1200, height: 800 };
export const PHONE = { width: 390, height: 780 };

/** Expects of a page what it may take a step's time to become. */
export function eventually<T>(what: () => Promise<T> | T): ReturnType<typeof expect.poll> {
  return expect.poll(what, { timeout: WAIT_MS });
}

/** The files below a folder that hold a text, in UTF-8 or UTF-16. */
export async function filesWith(folder: string, text: string): Promise<string[]> {
  const forms = [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')];
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // A file that the browser has removed meanwhile holds nothing.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (forms.some((form) => bytes.includes(form))) found.push(path.slice(folder.length + 1));
  }
  return found;
}

/** Tests of the chat page in Chromium; skipped by name where there is none. */
export function describeInChromium(name: string, tests: () => void): void {
  describe.skipIf(!hasChromium)(`${name} (in Chromium; skipped where there is none)`, { timeout: TEST_MS }, tests);
}

/** Somebody at the chat page. */
export class Person {
  readonly page: Page;
  /** What the page logged as an error, or blocked by its content security policy. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // A relay that is down is no fault of the page.
      if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket connection/.test(message.text()))
        this.complaints.push(message.text());
    });
  }

  async connected(): Promise<void> {
    await this.page
      .getByTestId('connection-state')
      .filter({ hasText: /^Connected$/ })
      .waitFor();
  }

  async link(): Promise<string> {
    const field = this.page.getByRole('textbox', { name: 'Your link' });
    // On the page itself while there is no contact yet, which may come at any moment; then in a dialog.
    const shown = (await field.isVisible()) ? await field.inputValue({ timeout: 2_000 }).catch(() => null) : null;
    if (shown !== null) return shown;
    await this.page.getByRole('button', { name: 'My link', exact: true }).click();
    const link = await field.inputValue();
    await this.page.keyboard.press('Escape');
    return link;
  }

  async address(): Promise<string> {
    return new URL(await this.link()).pathname.slice(1);
  }

  /** Adds whoever the link stands for. */
  async add(link: string, name: string): Promise<void> {
    await this.page.getByRole('button', { name: /^(Add a contact|I have someone’s link)$/ }).click();
    await this.page.getByLabel('Their link').fill(link);
    await this.page.getByLabel('Your name for them').fill(name);
    await this.page.getByRole('button', { name: 'Start talking' }).click();
    await this.page.getByTestId('conversation').waitFor();
  }

  /** Accepts the request at the top of the list, and names who asked. */
  async accept(name: string): Promise<void> {
    await this.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).first().click();
    await this.page.getByLabel('Your name for them').fill(name);
    await this.page.getByRole('button', { name: 'Accept', exact: true }).click();
    await this.page.getByTestId('conversation').waitFor();
  }

  async open(name: string): Promise<void> {
    await this.page.getByTestId('contact').filter({ hasText: name }).click();
  }

  async say(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.page.getByRole('button', { name: 'Send', exact: true }).click();
  }

  /** Sends a text, and waits until the other sees it. */
  async tell(other: Person, text: string): Promise<void> {
    await this.say(text);
    await other.reads(text);
  }

  /** Picks files, looks at them in the preview, and sends them. */
  async sendFiles(files: Parameters<ReturnType<Page['locator']>['setInputFiles']>[0], caption = ''): Promise<void> {
    await this.page.getByTestId('file-input').setInputFiles(files);
    const preview = this.page.getByRole('dialog', { name: /^Send to / });
    await preview.getByLabel('Caption').fill(caption);
    await preview.getByRole('button', { name: /^Send/ }).click();
  }

  /** The page about the contact whose conversation is open. */
  async about(): Promise<void> {
    await this.page.getByRole('button', { name: /^About / }).click();
  }

  async settings(): Promise<void> {
    await this.page.getByRole('button', { name: /^(You and settings|Settings)$/ }).click();
  }

  /** What can be done with a message: as a pointer over it shows it, or on a phone as a sheet. */
  async act(text: string, button: 'Reply' | 'Copy' | 'Delete'): Promise<void> {
    const message = this.page.getByRole('article').filter({ hasText: text });
    const tool = message.getByTitle(button);
    await message.hover();
    if (await tool.isVisible()) return tool.click();
    await message.press('Enter');
    await this.page.getByRole('dialog', { name: 'Message' }).getByRole('button', { name: button }).click();
  }

  /** Waits for a message of the peer's on the screen. */
  async reads(text: string): Promise<void> {
    await this.page.locator('[data-from=peer]', { hasText: text }).waitFor();
  }

  /** Waits until a message of one's own has come this far. */
  async tick(text: string, state: 'queued' | 'sent' | 'delivered' | 'seen'): Promise<void> {
    await this.page.locator(`[data-from=me][data-state=${state}]`, { hasText: text }).waitFor();
  }

  async presence(words: string): Promise<void> {
    await this.page.getByTestId('peer-state').filter({ hasText: words }).waitFor();
  }

  /** A screenshot into the folder that SWS_SCREENSHOTS names, to be looked at. */
  async shoot(name: string): Promise<void> {
    const folder = process.env.SWS_SCREENSHOTS;
    if (folder !== undefined) await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }
}

/** A relay and a browser for the tests of one file; every person has a profile of their own. */
export class Stage {
  browser: Browser | null = null;
  relay: Relay | null = null;
  readonly #contexts: BrowserContext[] = [];
  readonly #folders: string[] = [];

  constructor() {
    beforeAll(async () => {
      this.browser = await launchChromium();
    }, TEST_MS);
    afterAll(() => this.browser?.close());
    beforeEach(async () => {
      this.relay = await startRelay({ port: 0 });
    });
    afterEach(async () => {
      for (const context of this.#contexts.splice(0)) await context.close();
      for (const folder of this.#folders.splice(0)) await rm(folder, { recursive: true, force: true });
      await this.relay?.close();
    }, TEST_MS);
  }

  get url(): string {
    return this.relay?.url ?? '';
  }

  /** A new person; `url` is the relay's page unless it is somebody's link. */
  async person(options: Parameters<Browser['newContext']>[0] & { readonly url?: string } = {}): Promise<Person> {
    if (this.browser === null) throw new Error('there is no browser');
    const { url = this.url, ...context } = options;
    const made = await this.browser.newContext({ viewport: DESKTOP, ...context });
    this.#contexts.push(made);
    const person = new Person(await made.newPage());
    await person.page.goto(url);
    return person;
  }

  /** A profile on disk, as a user's: with room for large files, and gone with the test. */
  async profile(): Promise<BrowserContext> {
    return (await this.profileFolder()).context;
  }

  /** The same, with the folder: for tests that look at what Chromium writes there. */
  async profileFolder(): Promise<{ readonly context: BrowserContext; readonly folder: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'sws-profile-'));
    this.#folders.push(folder);
    const context = await launchProfile(folder, { viewport: DESKTOP });
    this.#contexts.push(context);
    return { context, folder };
  }

  /** Two people who know each other and are connected. */
  async pair(): Promise<[Person, Person]> {
    const alice = await this.person();
    const bob = await this.person();
    await this.introduce(alice, bob);
    return [alice, bob];
  }

  /** Bob adds Alice by her link; Alice accepts, and calls him so. */
  async introduce(alice: Person, bob: Person, name = 'Bob'): Promise<void> {
    await alice.connected();
    await bob.connected();
    await bob.add(await alice.link(), 'Alice');
    await alice.accept(name);
    await bob.presence('Online');
    await alice.presence('Online');
  }

  /** The relay goes away, and comes back at the same place once `meanwhile` is done. */
  async restartRelay(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    if (this.relay === null) throw new Error('there is no relay');
    const { port } = this.relay;
    await this.relay.close();
    await meanwhile();
    this.relay = await startRelay({ port });
  }
}
