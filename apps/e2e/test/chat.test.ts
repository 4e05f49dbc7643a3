import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Relay, startRelay } from '@sws/relay';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const CHROMIUM = process.env.SWS_CHROMIUM ?? '/usr/bin/chromium';
const LAUNCH = {
  executablePath: CHROMIUM,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};
const SHOTS = process.env.SWS_SCREENSHOTS;

async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

async function ownLink(page: Page): Promise<string> {
  return page.getByTestId('own-link').inputValue();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId('composer').fill(text);
  await page.getByTestId('send').click();
}

describe.skipIf(!existsSync(CHROMIUM))('the chat page in Chromium (skipped where there is no Chromium)', () => {
  let browser: Browser;
  let relay: Relay;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    relay = await startRelay({ port: 0 });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    await relay.close();
  });

  async function visit(url: string, viewport = { width: 1200, height: 800 }): Promise<Page> {
    const context = await browser.newContext({ viewport });
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  test('two people: one opens the other’s link, and both read what the other wrote', async () => {
    const alice = await visit(relay.url);
    await alice.getByText('connected', { exact: true }).waitFor();
    const bob = await visit(await ownLink(alice), { width: 390, height: 780 });
    await bob.getByText('connected, end-to-end encrypted').waitFor();
    await say(bob, 'Hello Alice 👋🏽');
    await alice.locator('[data-from=peer]', { hasText: 'Hello Alice 👋🏽' }).waitFor();
    const paste = 'a long paste, '.repeat(15_000).slice(0, 200_000);
    await say(alice, paste);
    const received = bob.locator('[data-from=peer] p');
    await received.waitFor();
    expect(await received.textContent()).toBe(paste);
    await alice.locator('[data-from=me][data-state=delivered]').waitFor();
    await bob.locator('[data-from=me][data-state=delivered]').waitFor();
    await say(bob, 'That was long. 📜');
    await alice.locator('[data-from=peer]', { hasText: 'That was long. 📜' }).waitFor();
    await shoot(alice, 'desktop');
    await shoot(bob, 'phone');
  });

  test('a peer that is offline: the message stays, marked; it goes when they are back and it is tried again', async () => {
    const alice = await visit(relay.url);
    await alice.getByText('connected', { exact: true }).waitFor();
    const link = await ownLink(alice);
    const { port } = relay;
    await alice.goto('about:blank');
    const bob = await visit(link);
    await say(bob, 'are you there?');
    await bob.getByText('not sent: peer is offline').waitFor();
    await shoot(bob, 'offline');
    await alice.goto(relay.url);
    await alice.getByText('connected', { exact: true }).waitFor();
    await bob.getByText('Retry').click();
    await alice.locator('[data-from=peer]', { hasText: 'are you there?' }).waitFor();
    await relay.close();
    await bob.getByText('connection interrupted, resuming …').waitFor();
    await say(bob, 'written while the relay was away');
    relay = await startRelay({ port });
    await alice.locator('[data-from=peer]', { hasText: 'written while the relay was away' }).waitFor();
  });

  test('two windows of one profile: the second goes on as a second person, and they talk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sws-profile-'));
    const profile = await chromium.launchPersistentContext(folder, LAUNCH);
    const first = await profile.newPage();
    await first.goto(relay.url);
    await first.getByText('connected', { exact: true }).waitFor();
    const second = await profile.newPage();
    await second.goto(await ownLink(first));
    await shoot(second, 'second-person');
    await second.getByTestId('second-person').click();
    await second.getByText('connected, end-to-end encrypted').waitFor();
    await say(second, 'me, myself');
    await first.locator('[data-from=peer]', { hasText: 'me, myself' }).waitFor();
    await say(first, 'and I');
    await second.locator('[data-from=peer]', { hasText: 'and I' }).waitFor();
    expect(await ownLink(first)).not.toBe(await ownLink(second));
    await profile.close();
    await rm(folder, { recursive: true, force: true });
  });
});
