// A newcomer does literally what the tutorial says, and sees what it shows.
import { readFileSync } from 'node:fs';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './checkout.js';
import { Reader } from './reader.js';
import { snippetsOf } from './snippets.js';
import { typeErrors } from './type-check.js';

const snippets = snippetsOf(readFileSync(`${ROOT}docs/tutorial.md`, 'utf8'));
const sections = [...new Set(snippets.map(({ section }) => section))];
/** A section has several programs to start, each of which takes a second on a busy machine. */
const SECTION_MS = 120_000;

describe('the tutorial works as written', { timeout: SECTION_MS }, () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await Reader.with(['8787', '8788', '4173']);
  });
  afterAll(() => reader.close());

  /** The section that went wrong: what follows builds on it, and is not tried. */
  let broken: string | null = null;

  test.each(sections)('%s', async (section) => {
    if (broken !== null) throw new Error(`section "${broken}" comes first`);
    broken = section;
    for (const snippet of snippets)
      if (snippet.section === section)
        await reader.follow(snippet).catch((error: Error) => {
          throw new Error(`docs/tutorial.md:${snippet.line}: ${error.message}`);
        });
    expect(reader.failures()).toEqual([]);
    broken = null;
  });

  test('Bob missed no number while the relay was down, and got none twice', () => {
    const bob = reader.terminals.find(({ command }) => command === 'node bob.js')?.output ?? '';
    const numbers = [...bob.matchAll(/^they say: (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers.length).toBeGreaterThanOrEqual(5);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('the received file equals the sent one', () => {
    expect(readFileSync(reader.path('received'), 'utf8')).toBe(readFileSync(reader.path('page.js'), 'utf8'));
  });

  test.skipIf(!hasChromium)('the page talks to Bob (in Chromium; skipped where there is none)', async () => {
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(reader.here('http://localhost:4173/#b0b0…0b0b'));
      await page.getByText('connected').waitFor();
      await page.getByLabel('Message').fill('from a page');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.getByText('you said: from a page').waitFor();
    } finally {
      await browser.close();
    }
  });

  test('its programs pass the type checker', () => {
    const scripts = reader.saved.filter((name) => /\.[jt]s$/.test(name));
    expect(scripts.length).toBeGreaterThan(10);
    expect(typeErrors(reader.path(''), scripts)).toBe('');
  });
});

test('only the clone command is not run', () => {
  expect(snippets.filter(({ notRun }) => notRun !== null).map(({ text }) => text)).toEqual([
    expect.stringContaining('git clone'),
  ]);
});
