import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Endpoint, Identity, randomBytes } from '@sws/client';
import { type Relay, startRelay } from '@sws/relay';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import { Running, STEP_MS } from '@sws/testing/example-process';
import { afterEach, beforeEach, expect, test } from 'vitest';

const TEST_MS = 4 * STEP_MS;
const LINK = /(http:\S+)/;
let folder = '';
let relay: Relay;
let bot: Running;

function startBot(): Running {
  const example = new URL('../', import.meta.url);
  return new Running(example, [], folder, { SWS_RELAY: `ws://127.0.0.1:${relay.port}` });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sws-bot-'));
  relay = await startRelay({ port: 0 });
  bot = startBot();
});
afterEach(async () => {
  await bot.stop();
  await relay.close();
  rmSync(folder, { recursive: true, force: true });
});

test(
  'a restarted bot keeps its address and notes, and answers a repeated message once',
  async () => {
    const link = await bot.prints(LINK);
    const identity = Identity.generate(randomBytes);
    const person = new Endpoint(relay.url, { identity });
    const ID = '00'.repeat(16);
    /** Says it over a new channel, and resolves with the texts that come until it is said to be seen, and one more if there is to be one. */
    async function ask(text: string, id: string, texts: number): Promise<string[]> {
      const socket = person.connect(link.slice(-64), { protocols: 'sws.chat.v1' });
      const answers: string[] = [];
      let seen = false;
      await new Promise<void>((resolve, reject) => {
        socket.onclose = () => reject(new Error('closed'));
        socket.onopen = () => socket.send(JSON.stringify({ type: 'text', id, at: Date.now(), text }));
        socket.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (message.type === 'text') answers.push(message.text);
          if (message.type === 'seen') seen = true;
          if (seen && answers.length >= texts) resolve();
        };
      });
      socket.close();
      return answers;
    }
    expect(await ask('note buy milk', ID, 1)).toEqual(['noted, 1 in all']);
    await bot.stop();
    bot = startBot();
    expect(await bot.prints(LINK)).toBe(link);
    expect(await ask('note buy milk', ID, 0)).toEqual([]);
    expect(await ask('notes', '01'.repeat(16), 1)).toEqual(['buy milk']);
    await person.close();
  },
  TEST_MS,
);

test.skipIf(!hasChromium)(
  'a person at the chat page talks to it (in Chromium; skipped where there is none)',
  async () => {
    const link = await bot.prints(LINK);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(STEP_MS);
      await page.goto(relay.url);
      await page.getByTestId('add-contact').click();
      await page.getByTestId('add-link').fill(link);
      await page.getByTestId('add-name').fill('Bot');
      await page.getByTestId('add').click();
      const say = async (text: string): Promise<void> => {
        await page.getByTestId('composer').fill(text);
        await page.getByTestId('send').click();
      };
      const reads = (text: string): Promise<void> => page.locator('[data-from=peer]', { hasText: text }).waitFor();
      await say('note from the page');
      await reads('noted, 1 in all');
      // What is written while the bot is away waits in the page.
      await bot.stop();
      await say('notes');
      bot = startBot();
      await reads('from the page');
    } finally {
      await browser.close();
    }
  },
  TEST_MS,
);
