import { expect, test } from 'vitest';
import { Peer } from './chat-peer.js';
import { describeInChromium, eventually, type Person, PHONE, Stage } from './chat-people.js';

/** Texts that are told apart, a few of which fill the window. */
function texts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i + 1}.`);
}

/** Where a message stands in the window, in pixels from its top. */
function topOf(person: Person, text: string): Promise<number> {
  return person.page
    .getByRole('article')
    .filter({ hasText: text })
    .evaluate((element) => Math.round(element.getBoundingClientRect().top));
}

const log = (person: Person) => person.page.getByRole('log', { name: 'Messages' });
const scroll = (person: Person, by: number): Promise<void> =>
  log(person).evaluate((element, pixels) => element.scrollBy(0, pixels), by);

describeInChromium('reading in the chat page', () => {
  const stage = new Stage();

  test('unread messages are under "New" and become seen when read; new ones move nothing', async () => {
    const alice = await stage.person();
    await alice.connected();
    const peer = await Peer.acceptedBy(stage, alice);
    const { page } = alice;
    const lastSeen = (): unknown => peer.all('seen').at(-1)?.id;
    const jump = page.getByRole('button', { name: /^Jump to the latest/ });
    // Elsewhere on the page: nothing is seen.
    await alice.settings();
    const ids = await peer.say(texts('Unread', 250));
    expect(peer.all('seen')).toEqual([]);
    await page.evaluate(() => {
      Object.assign(window, { hasFocus: document.hasFocus });
      document.hasFocus = () => false;
    });
    await alice.open('Bob');
    await page.getByText('New', { exact: true }).waitFor();
    expect(await page.getByText('Unread 1.', { exact: true }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Jump to the latest, 250 unread' }).waitFor();
    // In a window without the focus, and under a dialog, nothing is seen either.
    await alice.act('Unread 2.', 'Delete');
    await page.evaluate(() => {
      document.hasFocus = Reflect.get(window, 'hasFocus');
      window.dispatchEvent(new Event('focus'));
    });
    await peer.say(['Said under the dialog.']);
    expect(peer.all('seen')).toEqual([]);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await peer.hears('seen');
    const first = ids.indexOf(String(lastSeen()));
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(50);
    await scroll(alice, 300);
    await eventually(() => ids.indexOf(String(lastSeen()))).toBeGreaterThan(first);
    expect(ids.indexOf(String(lastSeen()))).toBeLessThan(first + 30);

    // What comes while one reads moves nothing, however much it is.
    const reading = `Unread ${first}.`;
    const before = await topOf(alice, reading);
    await peer.say(texts('Late', 200));
    expect(await topOf(alice, reading)).toBe(before);
    // Neither does reading back: earlier ones come above.
    await scroll(alice, -100_000);
    await page.getByText('Unread 1.', { exact: true }).waitFor();

    // A reload keeps the conversation, the place in it, and what was being written.
    await scroll(alice, 400);
    await page.getByRole('textbox', { name: 'Message' }).fill('half a thou');
    const uppermost = () =>
      log(alice).evaluate((element) => {
        const edge = element.getBoundingClientRect().top;
        const all = [...element.querySelectorAll('article')];
        const found = all.find((one) => one.getBoundingClientRect().bottom > edge);
        return { id: found?.id, text: found?.textContent ?? '' };
      });
    const middle = await uppermost();
    await eventually(() => page.evaluate(() => `message-${history.state.scrolled?.seq}`)).toBe(middle.id);
    const place = await topOf(alice, middle.text);
    await page.reload();
    await page.getByText(middle.text, { exact: true }).waitFor();
    expect(Math.abs((await topOf(alice, middle.text)) - place)).toBeLessThan(3);
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('half a thou');
    await jump.filter({ hasText: /\d/ }).waitFor();

    await alice.presence('Online');
    // A message that was looked for is pointed at, once: what comes does not lead back to it, or away.
    await page.getByRole('textbox', { name: 'Search' }).fill('Unread 120.');
    await page.getByRole('button', { name: /Unread 120/ }).click();
    await page.locator('article.found', { hasText: 'Unread 120.' }).waitFor();
    await scroll(alice, 150);
    const passed = await topOf(alice, 'Unread 120.');
    await peer.say(['during the search']);
    expect(await topOf(alice, 'Unread 120.')).toBe(passed);
    await page.getByRole('button', { name: 'Clear search' }).click();
    // One's own message brings the end into view, and the rest with it.
    await alice.say('I have read it.');
    await log(alice).getByText('I have read it.').waitFor();
    await jump.waitFor({ state: 'detached' });
    await eventually(() => page.title()).toBe('SWS chat');
    // The peer's clock is wrong by days: its messages stay where they came, and "Today" is told once.
    await peer.say(['from yesterday'], Date.now() - 30 * 3_600_000);
    await peer.say(['from tomorrow'], Date.now() + 30 * 3_600_000);
    await alice.say('and mine behind them');
    await log(alice).getByText('and mine behind them').waitFor();
    const all = await page.getByRole('article').allTextContents();
    expect(all.slice(-3).map((text) => text.replace(/^Unread.*/, ''))).toEqual([
      'from yesterday',
      'from tomorrow',
      'and mine behind them',
    ]);
    expect(await page.getByText('Yesterday', { exact: true }).count()).toBe(0);
    expect(alice.complaints).toEqual([]);
    await peer.close();
  });

  test('the messages are one tab stop, arrows move inside, and after a delete the focus moves to the next', async () => {
    const alice = await stage.person({ permissions: ['clipboard-read', 'clipboard-write'] });
    await alice.connected();
    const peer = await Peer.acceptedBy(stage, alice);
    const { page } = alice;
    await peer.say(['the first', 'the second', 'the third']);
    await alice.reads('the third');
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '');
    const composer = page.getByRole('textbox', { name: 'Message' });
    // The end of a composition is no Enter of the message's: neither where the browser says so, nor where Safari does not.
    await composer.fill('にほん');
    for (const init of [{ isComposing: true }, { keyCode: 229 }])
      await composer.dispatchEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init });
    await composer.press('Shift+Enter');
    expect(await composer.inputValue()).toBe('にほん\n');
    await composer.fill('');
    await page.getByRole('article').last().focus();
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toMatch(/^the second/);
    await page.keyboard.press('Home');
    expect(await focused()).toMatch(/^the first/);
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('article[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Message' }).getByRole('button', { name: 'Copy' }).click();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText())).toBe('the second');
    await page.getByRole('article').filter({ hasText: 'the second' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Delete…' }).press('Enter');
    await page.getByRole('button', { name: 'Delete here' }).press('Enter');
    await eventually(focused).toMatch(/^the third/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await eventually(() => composer.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.getByRole('article').last().focus();
    await page.keyboard.press('Escape');
    await eventually(() => composer.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(alice.complaints).toEqual([]);
    await peer.close();
  });

  test('on a phone a long press opens the actions, Back closes dialog, page, conversation; nothing is cut off at 320 px', async () => {
    const alice = await stage.person({ viewport: { width: 320, height: 560 }, hasTouch: true });
    await alice.connected();
    const peer = await Peer.acceptedBy(stage, alice, 'Wolfeschlegelsteinhausenbergerdorff the Second of Welchenhausen');
    const { page } = alice;
    await peer.say([
      'press me for long',
      `${'Donaudampfschifffahrts'.repeat(12)} https://example.org/${'a'.repeat(300)}`,
    ]);
    const message = page.getByRole('article').filter({ hasText: 'press me' });
    await message.dispatchEvent('touchstart');
    const sheet = page.getByRole('dialog', { name: 'Message' });
    await sheet.waitFor();
    await message.dispatchEvent('touchend');
    await page.goBack();
    await sheet.waitFor({ state: 'detached' });
    const inside = async (): Promise<void> => {
      const width = page.viewportSize()?.width ?? 0;
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      for (const button of await page.getByRole('button').all()) {
        const box = await button.boundingBox();
        if (box !== null) expect(box.x >= 0 && box.x + box.width <= width).toBe(true);
      }
    };
    await inside();
    await page.getByRole('textbox', { name: 'Message' }).fill('a word '.repeat(60));
    await inside();
    await alice.about();
    await page.getByRole('heading', { name: 'Security number' }).waitFor();
    await inside();
    await page.getByRole('button', { name: /^Block Wolf/ }).click();
    const question = page.getByRole('dialog', { name: /^Block Wolf/ });
    await question.waitFor();
    await page.goBack();
    await question.waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Security number' }).waitFor();
    await page.goBack();
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    // 400 % zoom of a window of 1,280 px by 720: the composer is there, and a message above it.
    await page.setViewportSize({ width: 320, height: 180 });
    expect(await page.getByRole('button', { name: 'Send', exact: true }).isVisible()).toBe(true);
    await inside();
    await page.setViewportSize(PHONE);
    await page.goBack();
    await page.getByRole('heading', { name: 'Chats' }).waitFor();
    await inside();
    await page.goBack();
    expect(page.url()).toBe('about:blank');
    await peer.close();
  });
});
