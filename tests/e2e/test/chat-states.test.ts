import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { describeInChromium, Person, Stage } from './chat-people.js';

/**
 * Every state of the page, in the order of apps/chat/DESIGN.md. Axe looks at each, and with SWS_SCREENSHOTS=FOLDER each is
 * drawn into that folder.
 */
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="#f2c48b"/><circle cx="420" cy="120" r="50" fill="#fff3d6"/><path d="M0 320 150 160 300 300 420 200 600 340V400H0z" fill="#47717d"/></svg>`;

type Window = readonly [width: number, theme: 'light' | 'dark'];
const ALL: readonly Window[] = [1_280, 768, 360].flatMap((width) => [
  [width, 'light'],
  [width, 'dark'],
]);
/** In an ordinary run the two that differ most; all of them where pictures are drawn. */
const WINDOWS = process.env.SWS_SCREENSHOTS === undefined ? ALL.filter((_, index) => index === 0 || index === 5) : ALL;
const README_PICTURE = join(dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json')), 'picture.png');

/** What axe finds on the page, as `rule: elements`. */
async function barriers(person: Person): Promise<string[]> {
  const session = await person.page.context().newCDPSession(person.page);
  // By the debugger, not as a script element: the page's policy lets no other script in.
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      JSON.stringify(violations.map(({ id, impact, nodes }) => id + ' (' + impact + '): ' + nodes.map(({ html }) => html).join(' '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  return JSON.parse(String(result.value)) as string[];
}

/** A picture in a raster format, drawn by the person's own browser. */
async function picture(person: Person): Promise<Buffer> {
  const drawn = await person.page.context().newPage();
  await drawn.setViewportSize({ width: 600, height: 400 });
  await drawn.setContent(`<style>body{margin:0}</style>${PICTURE}`);
  const png = await drawn.screenshot();
  await drawn.close();
  return png;
}

describeInChromium('the states of the chat page', () => {
  const stage = new Stage();

  test.each(WINDOWS)(
    'axe finds no violation, and nothing is cut off, in any state: %i px, %s',
    async (width, colorScheme) => {
      const found: Record<string, string[]> = {};
      const viewport = { width, height: 720 };
      const look = async (person: Person, state: string): Promise<void> => {
        const { page } = person;
        found[state] = await barriers(person);
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (wide > 0) found[state].push(`${wide} px wider than the window`);
        await person.shoot(`${state}-${width}-${colorScheme}`);
      };
      const alice = await stage.person({ viewport, colorScheme });
      await alice.connected();
      const button = (name: string | RegExp, exact = true) => alice.page.getByRole('button', { name, exact });
      const back = async (): Promise<void> => {
        if (width < 700) await button('All conversations').click();
      };
      await look(alice, '01-empty');
      await alice.page.getByText('How private is this?').click();
      await look(alice, '02-private');
      const bob = await stage.person();
      await bob.connected();
      const visitor = await stage.person({ viewport, colorScheme, url: await bob.link() });
      await visitor.page.getByRole('heading', { name: /^Talk to / }).waitFor();
      await look(visitor, '03-opened-link');
      await bob.settings();
      await bob.page.getByLabel('Your name', { exact: false }).first().fill('Benny');
      await bob.page.keyboard.press('Tab');
      await bob.page.getByRole('button', { name: 'All conversations' }).click();
      await bob.add(await alice.link(), 'Ada');
      await bob.say('Hi Ada, it’s Ben. I have the spare seal for the engine, if you still need one.');
      await alice.page.getByRole('button', { name: /wants to talk to you/ }).waitFor();
      await look(alice, '04-list');
      await alice.page.getByRole('button', { name: /wants to talk to you/ }).click();
      await alice.page.getByRole('heading', { name: '“Benny” wants to talk to you' }).waitFor();
      await alice.page.getByText('I have the spare seal').waitFor();
      await look(alice, '05-request');
      await alice.page.getByLabel('Your name for them').fill('Ben');
      await button('Accept').click();
      await bob.presence('Online');
      await alice.reads('spare seal');
      await back();
      await alice.page.getByText('Get notifications while this page is in the background?').waitFor();
      await look(alice, '25-notifications');
      await button('Not now').click();
      await alice.open('Ben');
      await bob.say('The map says that the boat has moved: https://harbour.example/piers/7');
      await bob.say('Also, how did you start the relay? I only get `EADDRINUSE`');
      await alice.reads('EADDRINUSE');
      await alice.act('has moved', 'Reply');
      await look(alice, '06-reply');
      await alice.say('Until Friday it’s at the old pier. Third from the left.');
      await alice.say(
        'Something else has the port, so give it another:\n```sh\nsws-relay --port 8787\ncurl localhost:8787/health\n```',
      );
      await alice.tick('Something else', 'seen');
      await bob.say('🎉👏');
      await bob.say(
        `Then I read the second chapter again. ${'It made rather more sense, though not where I had hoped. '.repeat(30)}`,
      );
      await alice.reads('Then I read');
      await look(alice, '07-conversation');
      await alice.page.getByRole('article').filter({ hasText: 'EADDRINUSE' }).hover();
      await look(alice, '08-actions');
      await alice.act('Something else', 'Delete');
      await look(alice, '09-delete-message');
      await button('Cancel').click();
      const files = [
        { name: 'bay.png', mimeType: 'image/png', buffer: await picture(alice) },
        {
          name: 'A rather long name of a file that somebody exported yesterday (final, 2).pdf',
          mimeType: 'application/pdf',
          buffer: Buffer.alloc(340_000),
        },
      ];
      await alice.page.getByTestId('file-input').setInputFiles(files);
      await alice.page.getByRole('button', { name: 'Send 2 files' }).waitFor();
      await look(alice, '10-preview');
      await button('Cancel').click();
      await bob.sendFiles(files, 'The bay, this morning');
      await alice.page.getByRole('img', { name: 'Picture: bay.png' }).waitFor();
      await alice.page.getByRole('article').filter({ hasText: '(final, 2)' }).waitFor();
      await alice.page.getByRole('log').evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await look(alice, '11-files');
      await alice.about();
      await alice.page.getByRole('heading', { name: 'Security number' }).waitFor();
      await look(alice, '12-contact');
      await button('Block Ben…').click();
      await look(alice, '13-block');
      await button('Cancel').click();
      await button('Back to the conversation').click();
      await back();
      await alice.settings();
      await look(alice, '14-settings');
      await button('Save backup…').click();
      await look(alice, '15-backup');
      await alice.page.keyboard.press('Escape');
      await button('Restore a backup…', false).click();
      await look(alice, '16-restore');
      await alice.page.keyboard.press('Escape');
      await button('Delete identity…').click();
      await look(alice, '17-delete-identity');
      await button('Cancel').click();
      await button('All conversations').click();
      await button('My link').click();
      await look(alice, '18-my-link');
      await alice.page.keyboard.press('Escape');
      await button('Add a contact').click();
      await alice.page.getByLabel('Their link').fill('chat.example/ce5865');
      await button('Start talking').click();
      await alice.page.getByRole('alert').waitFor();
      await look(alice, '19-add');
      await alice.page.keyboard.press('Escape');
      await alice.page.getByRole('textbox', { name: 'Search' }).fill('boat');
      await alice.page.getByText('1 message with “boat”').waitFor();
      await look(alice, '20-search');
      await button('Clear search').click();
      for (let i = 1; i <= 6; i++)
        await bob.say(`${i}. ${'The tide turned while nobody looked at the clock. '.repeat(8)}`);
      await alice.page.getByText('6 unread').waitFor();
      await alice.open('Ben');
      await alice.page.getByText('New', { exact: true }).waitFor();
      await alice.page.getByRole('button', { name: /^Jump to the latest/ }).waitFor();
      await look(alice, '24-unread');
      await alice.page.getByRole('button', { name: /^Jump to the latest/ }).click();
      await back();
      await bob.page.goto('about:blank');
      await alice.open('Ben');
      await alice.presence('Offline');
      await alice.say('I’ll put everything here and you’ll have it when you’re back.');
      await look(alice, '21-peer-offline');
      await stage.restartRelay(async () => {
        await alice.page.getByText('No connection. What you write waits here.').waitFor();
        await look(alice, '22-no-connection');
      });
      const second = new Person(await alice.page.context().newPage());
      await second.page.setViewportSize(viewport);
      await second.page.emulateMedia({ colorScheme });
      await second.page.goto(stage.url);
      await second.page.getByRole('heading', { name: 'Open in another tab' }).waitFor();
      await look(second, '23-other-tab');
      expect(found).toEqual(Object.fromEntries(Object.keys(found).map((state) => [state, []])));
      expect(alice.complaints).toEqual([]);
    },
  );

  test.skipIf(process.env.SWS_SCREENSHOTS === undefined)('draws the README’s picture', async () => {
    const [ada, ben] = await stage.pair();
    await ada.page.setViewportSize({ width: 1_060, height: 760 });
    await ada.page.getByRole('button', { name: 'Not now' }).click();
    await ada.about();
    await ada.page.getByTestId('contact-name').fill('Ben');
    await ada.page.getByTestId('verify').click();
    await ada.page.getByRole('button', { name: 'Back to the conversation' }).click();
    for (const name of ['Mona', 'Kolja']) {
      const other = await stage.person();
      await stage.introduce(ada, other, name);
      await other.say(name === 'Mona' ? 'See you on the ferry at nine.' : 'The new pump works.');
      await ada.reads(name === 'Mona' ? 'ferry' : 'pump');
    }
    await ada.open('Ben');
    await ben.sendFiles(
      [{ name: 'bay.png', mimeType: 'image/png', buffer: await picture(ada) }],
      'The bay, this morning',
    );
    await ada.page.getByRole('img', { name: 'Picture: bay.png' }).waitFor();
    await ben.say('How did you start the relay? I only get `EADDRINUSE`.');
    await ada.reads('EADDRINUSE');
    await ada.act('EADDRINUSE', 'Reply');
    await ada.say('Something else has the port, so give it another:\n```sh\nsws-relay --port 8787\n```');
    await ada.tick('Something else', 'seen');
    await ben.say('That was it, thank you.');
    await ben.tick('That was it', 'seen');
    await ada.page.getByText('1 unread').waitFor({ state: 'detached' });
    await ada.page.mouse.move(0, 0);
    await ada.page.screenshot({ path: README_PICTURE });
  });
});
