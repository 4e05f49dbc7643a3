import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const executablePath = process.env.SWS_CHROMIUM ?? '/usr/bin/chromium';
/**
 * Whether there is a Chromium, at `SWS_CHROMIUM` or where Debian installs it. Tests that need it are skipped without
 * it, and their titles say so.
 */
export const hasChromium = existsSync(executablePath);

/** Flags that keep it from contacting any server, and let it run as root in a container. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Otherwise each window starts with two pages of the address bar, which take more CPU time than all of the chat, and
  // each page with a process for the next one. This list of features replaces Playwright's own.
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess',
];

/** Starts a headless Chromium with these extra flags. The caller closes it. */
export function launchChromium(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...ARGS, ...args] });
}

/** Starts a headless Chromium with its profile in `folder`. The caller closes it, and then removes the folder. */
export function launchProfile(folder: string, options: BrowserContextOptions): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { ...options, executablePath, args: ARGS });
}
