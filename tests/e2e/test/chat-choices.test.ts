import { expect, test } from 'vitest';
import { Peer } from './chat-peer.js';
import { describeInChromium, eventually, type Person, Stage } from './chat-people.js';

/** What the page told the system, noted by what stands in for the system there. */
interface Told {
  readonly notifications: readonly string[];
  readonly badges: readonly number[];
  /** How often the browser was to ask the reader. */
  readonly questions: number;
}

/** What a browser grants this origin, in bytes: two of the longest texts take most of it. */
const ROOM_BYTES = 3_000_000;

/** Stands in for notifications and the badge of an installed page, and notes them. */
async function note(person: Person): Promise<() => Promise<Told>> {
  await person.page.addInitScript(() => {
    const told = { notifications: [] as string[], badges: [] as number[], questions: 0 };
    Object.assign(window, { told });
    class Noted {
      static permission = 'default';
      static requestPermission = async (): Promise<string> => {
        told.questions++;
        Noted.permission = 'granted';
        return Noted.permission;
      };
      constructor(title: string, { body }: { body: string }) {
        told.notifications.push(`${title}: ${body}`);
      }
    }
    Object.assign(window, { Notification: Noted });
    const setAppBadge = async (count: number): Promise<void> => void told.badges.push(count);
    Object.assign(navigator, { setAppBadge, clearAppBadge: () => setAppBadge(0) });
    document.hasFocus = () => Reflect.get(window, 'away') !== true;
    Object.defineProperty(document, 'visibilityState', { get: () => (document.hasFocus() ? 'visible' : 'hidden') });
  });
  await person.page.reload();
  await person.connected();
  return () => person.page.evaluate(() => Reflect.get(window, 'told') as Told);
}

const away = (person: Person, isAway: boolean): Promise<void> =>
  person.page.evaluate((value) => {
    Object.assign(window, { away: value });
    window.dispatchEvent(new Event(value ? 'blur' : 'focus'));
  }, isAway);

describeInChromium('what one can choose and do in the chat page', () => {
  const stage = new Stage();

  test('notifications are offered after a missed message, show little, and announce requests; receipts and typing can be switched off', async () => {
    const alice = await stage.person();
    await alice.connected();
    const told = await note(alice);
    const { page } = alice;
    const choose = (name: string): Promise<void> => page.getByRole('switch', { name }).click();
    const stranger = await Peer.asking(stage, alice, { name: 'Mona', says: 'May I?' });
    await page.getByRole('button', { name: /“Mona” wants to talk to you|“Mona”/ }).waitFor();
    expect((await told()).notifications).toEqual([]);
    const peer = await Peer.asking(stage, alice);
    await page.getByText('2', { exact: true }).waitFor();
    await page.getByRole('button', { name: /^unknown/ }).click();
    await page.getByLabel('Your name for them').fill('Bob');
    await page.getByRole('button', { name: 'Accept', exact: true }).click();
    await peer.hears('hello', ({ accepted }) => accepted === true);

    // With the first person to wait for, notifications are offered in the page; an answer is remembered.
    const offer = page.getByText('Get notifications while this page is in the background?');
    const comesWhileAway = async (text: string): Promise<void> => {
      await away(alice, true);
      await peer.say([text]);
      await eventually(async () => (await told()).badges.at(-1)).toBeGreaterThan(0);
      await away(alice, false);
      await eventually(async () => (await told()).badges.at(-1)).toBe(0);
    };
    await offer.waitFor();
    await page.reload();
    await alice.presence('Online');
    await comesWhileAway('while only one has written');
    expect(await offer.count()).toBe(0);
    await alice.say('I’m here');
    await peer.hears('text');
    await comesWhileAway('now both have');
    await page.getByRole('button', { name: 'Not now' }).click();
    await offer.waitFor({ state: 'detached' });
    await page.reload();
    await alice.presence('Online');
    await comesWhileAway('after the answer');
    expect(await offer.count()).toBe(0);
    expect(await told()).toMatchObject({ notifications: [], questions: 0 });

    await alice.settings();
    await choose('Show notifications');
    await eventually(async () => (await told()).questions).toBe(1);
    await away(alice, true);
    await peer.say(['a secret']);
    await eventually(async () => (await told()).notifications).toEqual(['SWS chat: New message']);
    await eventually(async () => (await told()).badges.at(-1)).toBe(1);
    await eventually(() => page.title()).toBe('(1) SWS chat');
    await choose('Show message text');
    await peer.say(['another secret']);
    await eventually(async () => (await told()).notifications.at(-1)).toBe('Bob: another secret');
    const third = await Peer.asking(stage, alice);
    await eventually(async () => (await told()).notifications.at(-1)).toBe('SWS chat: Someone wants to talk to you');
    peer.heard.length = 0;
    await away(alice, false);
    await alice.open('Bob');
    await peer.hears('seen');
    await eventually(async () => (await told()).badges.at(-1)).toBe(0);
    await page.getByRole('textbox', { name: 'Message' }).pressSequentially('hm');
    await peer.hears('typing');

    await alice.about();
    await choose('Mute');
    await page.getByRole('button', { name: 'Back to the conversation' }).click();
    await alice.settings();
    await choose('Read receipts');
    await choose('Typing indicators');
    await away(alice, true);
    const before = (await told()).notifications.length;
    peer.heard.length = 0;
    await peer.say(['nobody rings']);
    await page.getByRole('button', { name: /Muted/ }).filter({ hasText: '1 unread' }).waitFor();
    expect(await page.title()).toBe('SWS chat');
    await away(alice, false);
    await alice.open('Bob');
    await alice.reads('nobody rings');
    await page.getByTestId('contact').filter({ hasText: 'unread' }).waitFor({ state: 'detached' });
    await page.getByRole('textbox', { name: 'Message' }).fill('hm, well');
    await alice.say('You can’t know that I have read it.');
    await peer.hears('text');
    // Who does not tell does not learn it of the other either.
    const id = peer.all('text').at(-1)?.id;
    peer.send({ type: 'stored', ids: [id] });
    peer.send({ type: 'seen', id });
    await peer.say(['and this came after it']);
    await alice.reads('and this came after it');
    expect(await page.locator('[data-from=me]').last().getAttribute('data-state')).toBe('delivered');
    // What was seen and typed came before the text on the channel, had it been said.
    expect([...peer.all('seen'), ...peer.all('typing')]).toEqual([]);
    expect((await told()).notifications.length).toBe(before);
    expect(alice.complaints).toEqual([]);
    for (const one of [stranger, peer, third]) await one.close();
  });

  test('a request carries the sender’s name; reply, copy, delete for both, search and a full disk work', async () => {
    const alice = await stage.person({ permissions: ['clipboard-read', 'clipboard-write'], url: 'about:blank' });
    // Alice's browser has room for a few long messages beside the page itself.
    const session = await alice.page.context().newCDPSession(alice.page);
    const origin = stage.url.slice(0, -1);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: ROOM_BYTES });
    await alice.page.goto(stage.url);
    const bob = await stage.person();
    await bob.connected();
    await bob.settings();
    await bob.page.getByLabel('Your name', { exact: false }).first().fill('Benny');
    await bob.page.getByRole('button', { name: 'All conversations' }).click();
    await alice.connected();
    await bob.add(await alice.link(), 'Ada');
    await bob.say('It is me, from the ferry.');
    await alice.page.getByRole('button', { name: /“Benny”/ }).click();
    await alice.page.getByText('It is me, from the ferry.').waitFor();
    expect(await alice.page.getByLabel('Your name for them').inputValue()).toBe('Benny');
    await alice.page.getByRole('button', { name: 'Accept', exact: true }).click();
    await alice.reads('It is me, from the ferry.');

    await alice.act('from the ferry', 'Copy');
    await eventually(() => alice.page.evaluate(() => navigator.clipboard.readText())).toBe('It is me, from the ferry.');
    await alice.act('from the ferry', 'Reply');
    await alice.say('Which one?');
    const reply = bob.page.getByRole('article').filter({ hasText: 'Which one?' });
    await reply.getByText('It is me, from the ferry.').waitFor();
    await bob.say('A 🛥, `sent` from\n```\nthe pier\n```\nsee https://ferry.example/7 and javascript:alert(1)');
    const drawn = alice.page.getByRole('article').filter({ hasText: 'the pier' });
    await drawn.waitFor();
    expect(await drawn.locator('code').allTextContents()).toEqual(['sent', 'the pier']);
    const link = drawn.getByRole('link');
    expect([await link.getAttribute('href'), await link.getAttribute('rel')]).toEqual([
      'https://ferry.example/7',
      'noopener noreferrer',
    ]);
    await bob.say('👩‍👩‍👧 🎈');
    await alice.reads('🎈');
    const size = (text: string): Promise<number> =>
      alice.page
        .getByRole('article')
        .filter({ hasText: text })
        .locator('p')
        .first()
        .evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
    expect(await size('🎈')).toBeGreaterThan(2 * (await size('Which one?')));
    await bob.tell(alice, 'I should not have said this');
    await bob.act('I should not', 'Delete');
    await bob.page.getByRole('button', { name: 'Delete for both' }).click();
    await alice.page.getByRole('article').filter({ hasText: 'I should not' }).waitFor({ state: 'detached' });

    await alice.page.getByRole('textbox', { name: 'Search' }).fill('FERRY');
    await alice.page.getByText('2 messages with “FERRY”').waitFor();
    await alice.page.getByRole('button', { name: /It is me/ }).click();
    await alice.page.locator('article.found', { hasText: 'It is me' }).waitFor();
    await alice.page.getByRole('button', { name: 'Clear search' }).click();

    // No room on Alice's disk: it is said in the conversation, what has no room waits, and comes without a reload.
    const long = '€'.repeat(400_000);
    for (let i = 1; i <= 4; i++) await bob.say(`Long ${i}: ${long}`);
    await alice.page.getByText('this device is full').waitFor();
    await bob.tick('Long 4', 'sent');
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await alice.reads('Long 4');
    await alice.page.getByRole('log').evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await bob.tick('Long 4', 'seen');
    const order = await alice.page.getByRole('article').filter({ hasText: 'Long' }).allTextContents();
    expect(order.map((text) => text.slice(5, 6)).join('')).toBe('1234');
    await alice.page.getByText('this device is full').waitFor({ state: 'detached' });
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });

  test('an opened link focuses its one button, and survives Escape, a reload and a second person', async () => {
    const alice = await stage.person();
    await alice.connected();
    const link = await alice.link();
    const bob = await stage.person({ url: link });
    const asks = (page: Person['page']) => page.getByRole('heading', { name: /^Talk to [0-9a-f]{4}…[0-9a-f]{4}\?$/ });
    await asks(bob.page).waitFor();
    const start = bob.page.getByRole('button', { name: 'Start talking' });
    await eventually(() => start.evaluate((element) => element === document.activeElement)).toBe(true);
    await bob.page.keyboard.press('Escape');
    await bob.page.reload();
    await asks(bob.page).waitFor();
    const tab = await bob.page.context().newPage();
    await tab.goto(link);
    await tab.getByRole('button', { name: 'Continue here as a second person' }).click();
    await asks(tab).waitFor();
    await tab.getByLabel('Your name for them').fill('Ada');
    await tab.getByLabel('Your name for them').press('Enter');
    await tab.getByRole('heading', { name: 'Ada' }).waitFor();
    expect(new URL(tab.url()).pathname).toBe('/');
    await alice.page.getByRole('heading', { name: 'Requests 1' }).waitFor();
    await asks(bob.page).waitFor();
  });
});
