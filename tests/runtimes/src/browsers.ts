import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import type { Host } from './host.js';
import type { PageApi } from './page.js';
import type { CaseResult } from './suite.js';

/** Where Firefox is, unless `SWS_FIREFOX` says otherwise. */
export const FIREFOX = process.env.SWS_FIREFOX ?? '/usr/bin/firefox-esr';
export const hasFirefox = existsSync(FIREFOX);

/** Where in a page the suite runs. */
export type Place = 'page' | 'worker';

declare global {
  var sws: PageApi;
}

function runThere([place, relay, control]: readonly [Place, string, string]): Promise<CaseResult[]> {
  return place === 'page' ? sws.runInBrowser({ relay, control }) : sws.runInWorker({ relay, control });
}

/** Runs the suite as Vite built it. */
export async function runInChromium(browser: Browser, place: Place, host: Host): Promise<CaseResult[]> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(host.page);
    return await page.evaluate(runThere, [place, host.relay, host.control] as const);
  } finally {
    await context.close();
  }
}

/** Runs the suite as Vite built it, over WebDriver BiDi. */
export async function runInFirefox(
  place: Place,
  host: Host,
): Promise<{ readonly version: string; readonly results: CaseResult[] }> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    protocolTimeout: 180_000,
  });
  try {
    const page = await browser.newPage();
    await page.goto(host.page);
    const results = await page.evaluate(runThere, [place, host.relay, host.control] as const);
    return { version: (await browser.version()).replace(/^\D*/, ''), results };
  } finally {
    await browser.close();
  }
}
