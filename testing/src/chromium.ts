import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const executablePath = process.env.SWS_CHROMIUM ?? '/usr/bin/chromium';
/** Whether there is a Chromium where `SWS_CHROMIUM` says, or where Debian has it: tests are skipped by name without. */
export const hasChromium = existsSync(executablePath);

/** Nothing of it calls home, and it runs as root in a container. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Else each window begins with two pages of the address bar, which take more of a processor than all of the chat, and
  // each page with a process for the next. Playwright's own list of features gives way to this one.
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess',
];

/** A headless Chromium, with further arguments of its command line. The caller closes it. */
export function launchChromium(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...ARGS, ...args] });
}

/** A headless Chromium that keeps its profile in a folder. The caller closes it, and then removes the folder. */
export function launchProfile(folder: string, options: BrowserContextOptions): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { ...options, executablePath, args: ARGS });
}
