// Two real pages of one profile: a user who opens a second tab must neither lose the first nor become somebody else.
import { type ConnectionEvent, Endpoint, type SecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { hasChromium, launchChromium } from '@sws/testing/chromium';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Host, startHost } from '../dist/host.js';

/** What `listen` leaves in a page. */
interface Tab {
  endpoint: Endpoint;
  states: string[];
  details: string[];
  got: unknown[];
  sockets: SecureWebSocket[];
  events: string[];
}
declare global {
  var tab: Tab;
}

/** A busy machine is slow, not wrong. */
const PATIENT = { timeout: 30_000 };

describe.skipIf(!hasChromium)(
  'two tabs, one identity, in Chromium (skipped where there is none)',
  { timeout: 60_000 },
  () => {
    let browser: Browser;
    let host: Host;
    let context: BrowserContext;
    let bob: Endpoint;
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser.close());
    beforeEach(async () => {
      host = await startHost();
      context = await browser.newContext();
      bob = new Endpoint(host.relay, { identity: Identity.generate(randomBytes), accept: () => true });
      await bob.ready;
    });
    afterEach(async () => {
      await context.close();
      await host.close();
      void bob.close(); // his peers are gone, and will not answer
    });

    async function openTab(): Promise<Page> {
      const page = await context.newPage();
      await page.goto(host.page);
      return page;
    }

    /** An endpoint of the profile's own identity, and what happens to it. */
    async function listen(page: Page): Promise<string> {
      return page.evaluate(async (relay) => {
        const endpoint = new sws.client.Endpoint(relay);
        const tab: Tab = { endpoint, states: [], details: [], got: [], sockets: [], events: [] };
        endpoint.addEventListener('state', (event: { state: string; failure: { detail: string } | null }) => {
          if (tab.states.at(-1) !== event.state) tab.states.push(event.state);
          tab.details.push(event.failure?.detail ?? '');
        });
        endpoint.addEventListener('message', (event: { data: unknown }) => tab.got.push(event.data));
        Object.assign(globalThis, { tab });
        return (await endpoint.ready).publicKey;
      }, host.relay);
    }

    const reaches = (page: Page, state: string) => page.waitForFunction((state) => tab.endpoint.state === state, state);
    const statesOf = (page: Page) => page.evaluate(() => tab.states);
    const lastDetail = (page: Page) => page.evaluate(() => tab.details.at(-1) ?? '');
    const dial = (page: Page) =>
      page.evaluate((url) => {
        const socket = new sws.client.ClientSecureWebSocket(url);
        tab.sockets.push(socket);
        socket.onopen = () => tab.events.push('open');
        socket.onerror = (event: Event & { code?: string }) => tab.events.push(`error ${event.code}`);
        socket.onclose = ({ code }) => tab.events.push(`close ${code}`);
      }, `${host.relay}${bob.address}`);

    const sends = (address: string, value: unknown) =>
      bob.send(address, value).then(
        () => true,
        () => false,
      );

    test('tabs that race for a first identity get the same one, and keep it', async () => {
      for (let round = 0; round < 2; round++) {
        const fresh = await browser.newContext();
        const pages = await Promise.all(Array.from({ length: 3 }, () => fresh.newPage()));
        for (const page of pages) await page.goto(host.page);
        const load = () => sws.client.defaultIdentity().then(({ publicKey }) => publicKey);
        const keys = await Promise.all(pages.map((page) => page.evaluate(load)));
        expect(new Set(keys).size).toBe(1);
        const later = await fresh.newPage();
        await later.goto(host.page);
        expect(await later.evaluate(load)).toBe(keys[0]);
        await fresh.close();
      }
    });

    test('an identity from an older version’s local storage is moved', async () => {
      const page = await openTab();
      const old = Identity.generate(randomBytes);
      const seed = [...old.exportSeed()].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      await page.evaluate((text) => localStorage.setItem('sws.identity', text), seed);
      expect(await page.evaluate(() => sws.client.defaultIdentity().then(({ publicKey }) => publicKey))).toBe(
        old.publicKey,
      );
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
      expect(await listen(await openTab())).toBe(old.publicKey);
    });

    test('the second tab waits, says for whom, and registers when the first closes', async () => {
      const first = await openTab();
      const address = await listen(first);
      await reaches(first, 'registered');
      const second = await openTab();
      expect(await listen(second)).toBe(address);
      await reaches(second, 'waiting');
      expect(await lastDetail(second)).toMatch(/another tab of this browser is registered/);
      await dial(second);
      await bob.send(address, 'to the first');
      expect(await first.evaluate(() => tab.got)).toEqual(['to the first']);
      expect(await second.evaluate(() => [tab.sockets[0]?.readyState, tab.events.length])).toEqual([0, 0]);
      expect(await statesOf(first)).toEqual(['connecting', 'registered']);

      const connection = new Promise<ConnectionEvent>((resolve) =>
        bob.addEventListener('connection', resolve, { once: true }),
      );
      await first.close();
      await reaches(second, 'registered');
      expect((await connection).socket.peer).toBe(address);
      await second.waitForFunction(() => tab.events[0] === 'open');
      await expect.poll(() => sends(address, 'to the second'), PATIENT).toBe(true);
      expect(await second.evaluate(() => tab.got)).toEqual(['to the second']);
      expect((await statesOf(second)).slice(-3)).toEqual(['waiting', 'connecting', 'registered']);
    });

    test('a socket closed while waiting opens nothing later', async () => {
      const [first, second] = [await openTab(), await openTab()];
      await listen(first);
      await reaches(first, 'registered');
      await listen(second);
      await reaches(second, 'waiting');
      await dial(second);
      await second.evaluate(() => tab.sockets[0]?.close());
      await second.waitForFunction(() => tab.events.at(-1) === 'close 1006');
      let connections = 0;
      bob.addEventListener('connection', () => connections++);
      await first.goto('about:blank');
      await reaches(second, 'registered');
      await dial(second);
      await second.waitForFunction(() => tab.events.at(-1) === 'open');
      expect(connections).toBe(1);
    });

    test('takeOver moves the registration between tabs, without a fight', async () => {
      const [first, second] = [await openTab(), await openTab()];
      const address = await listen(first);
      await reaches(first, 'registered');
      const connection = new Promise<ConnectionEvent>((resolve) =>
        bob.addEventListener('connection', resolve, { once: true }),
      );
      await dial(first);
      await first.waitForFunction(() => tab.events[0] === 'open');
      const told = new Promise<CloseEvent>((resolve) => {
        void connection.then(({ socket }) => {
          socket.onclose = resolve;
        });
      });
      await listen(second);
      await reaches(second, 'waiting');
      let [holder, other] = [first, second];
      for (let round = 0; round < 4; round++) {
        await other.evaluate(() => tab.endpoint.takeOver());
        await reaches(other, 'registered');
        await reaches(holder, 'waiting');
        expect(await lastDetail(holder)).toMatch(/another tab of this browser has taken over/);
        // Until he has heard that the other tab is gone, he may still write to it, and is told that it failed.
        await expect.poll(() => sends(address, round), PATIENT).toBe(true);
        expect(await other.evaluate(() => tab.got)).toEqual(round < 2 ? [round] : [round - 2, round]);
        [holder, other] = [other, holder];
      }
      expect(await first.evaluate(() => tab.events)).toEqual(['open', 'error replaced', 'close 1006']);
      const { code, wasClean } = await told;
      expect([code, wasClean]).toEqual([1001, true]);
      for (const states of [await statesOf(first), await statesOf(second)]) {
        expect(states).not.toContain('down');
        expect(states.filter((state) => state === 'registered').length).toBeLessThanOrEqual(3);
      }
      // The one that waits follows when the holder closes.
      await holder.close();
      await reaches(other, 'registered');
    });

    test('takeOver in the registered tab changes nothing', async () => {
      const page = await openTab();
      await listen(page);
      await reaches(page, 'registered');
      await page.evaluate(() => tab.endpoint.takeOver());
      await bob.send(await page.evaluate(() => tab.endpoint.address ?? ''), 'still here');
      expect(await statesOf(page)).toEqual(['connecting', 'registered']);
    });

    test('the newest device wins, and takeOver brings the registration back', async () => {
      const page = await openTab();
      await listen(page);
      await reaches(page, 'registered');
      const seed = await page.evaluate(() => tab.endpoint.ready.then((identity) => [...identity.exportSeed()]));
      const device = new Endpoint(host.relay, { identity: Identity.fromSeed(Uint8Array.from(seed)) });
      await reaches(page, 'down');
      await expect.poll(() => device.state, PATIENT).toBe('registered');
      await page.evaluate(() => tab.endpoint.takeOver());
      await reaches(page, 'registered');
      await expect.poll(() => device.state, PATIENT).toBe('down');
      expect(await page.evaluate(() => tab.endpoint.state)).toBe('registered');
      await device.close();
    });

    test('a closing endpoint passes its turn on, and one closed while waiting blocks nobody', async () => {
      const pages = [await openTab(), await openTab(), await openTab()] as const;
      const [first, second, third] = pages;
      await listen(first);
      await reaches(first, 'registered');
      await listen(second);
      await reaches(second, 'waiting');
      await listen(third);
      await reaches(third, 'waiting');
      await second.evaluate(() => tab.endpoint.close());
      await first.evaluate(() => tab.endpoint.close());
      await reaches(third, 'registered');
    });
  },
);
