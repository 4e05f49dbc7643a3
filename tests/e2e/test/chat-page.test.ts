import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { describeInChromium, eventually, type Person, PHONE, Stage } from './chat-people.js';

const CHAT = dirname(createRequire(import.meta.url).resolve('@sws/chat/package.json'));
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** Builds the page for a host that is not the relay. */
function buildFor(relay: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sws-page-'));
  execFileSync(
    process.execPath,
    [join(CHAT, 'node_modules/vite/bin/vite.js'), 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'error'],
    { cwd: CHAT, env: { ...process.env, NODE_ENV: 'production', VITE_SWS_RELAY: relay } },
  );
  return folder;
}

/** A static host: files alone, with the policy of the README, perhaps without a part of it. */
async function hostFiles(folder: () => string, relay: string, without = ''): Promise<{ url: string; close(): void }> {
  const policy = /`Content-Security-Policy: ([^`]+)`/.exec(readFileSync(join(CHAT, 'README.md'), 'utf8'))?.[1] ?? '';
  expect(policy).toContain("default-src 'self'");
  const server = createServer((request, response) => {
    const path = join(folder(), request.url === '/' ? 'index.html' : (request.url ?? ''));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(path)] ?? 'text/plain',
      'Content-Security-Policy': policy.replace('wss://relay.example', relay).replace(without, ''),
    });
    return response.end(readFileSync(path));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Opens a page, and counts what it seals and opens by WebAssembly from then on. */
async function countWasm({ page }: Person, url: string): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    const { instantiate } = WebAssembly;
    Object.assign(window, { boxes: 0 });
    const counted =
      (run: (length: number) => number) =>
      (length: number): number => {
        Object.assign(window, { boxes: Number(Reflect.get(window, 'boxes')) + 1 });
        return run(length);
      };
    const counting = async (bytes: BufferSource): Promise<object> => {
      const { instance } = await instantiate(bytes);
      const { seal, open, ...rest } = instance.exports as Record<string, (length: number) => number>;
      if (seal === undefined || open === undefined) throw new Error('it neither seals nor opens');
      return { instance: { exports: { ...rest, seal: counted(seal), open: counted(open) } } };
    };
    Object.assign(WebAssembly, { instantiate: counting });
  });
  await page.goto(url);
  return () => page.evaluate(() => Number(Reflect.get(window, 'boxes')));
}

/** Bytes of the page and of all that its head names, as the relay sends them in an encoding. */
async function firstLoad(url: string, encoding: string): Promise<number> {
  const load = async (path: string): Promise<{ text: string; bytes: number }> => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(new URL(path, url), { headers: { 'Accept-Encoding': encoding } }, resolve).on('error', reject);
    });
    expect([path, response.headers['content-encoding']]).toEqual([path, encoding]);
    const sent = Buffer.concat(await response.toArray());
    return { text: (encoding === 'br' ? brotliDecompressSync(sent) : gunzipSync(sent)).toString(), bytes: sent.length };
  };
  const page = await load('/');
  const parts = [...page.text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  expect(parts.length).toBeGreaterThan(2);
  const sizes = await Promise.all(parts.map(async (path) => (await load(path)).bytes));
  return sizes.reduce((sum, bytes) => sum + bytes, page.bytes);
}

describeInChromium('the chat page itself', () => {
  const stage = new Stage();

  test('a keyboard is enough to add a contact, write, open details and return', async () => {
    const alice = await stage.person();
    await alice.connected();
    const link = await alice.link();
    const bob = await stage.person();
    await bob.connected();
    const { keyboard } = bob.page;
    const focused = (): Promise<string | null> =>
      bob.page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? null);
    const tabTo = async (testId: string): Promise<void> => {
      for (let i = 0; i < 30 && (await focused()) !== testId; i++) await keyboard.press('Tab');
      expect(await focused()).toBe(testId);
    };
    await tabTo('add-contact');
    await keyboard.press('Enter');
    await tabTo('add-link');
    await keyboard.insertText(link);
    await tabTo('add-name');
    await keyboard.insertText('Alice');
    await keyboard.press('Enter');
    await bob.page.getByTestId('conversation').waitFor();
    await eventually(focused).toBe('composer');
    await keyboard.insertText('typed without a mouse');
    await keyboard.press('Enter');
    await bob.tick('typed without a mouse', 'queued');
    await tabTo('details');
    await keyboard.press('Enter');
    await bob.page.getByTestId('fingerprint').waitFor();
    await bob.page.goBack();
    await eventually(focused).toBe('composer');
  });

  test('a phone shows one pane at a time, with a way back', async () => {
    const alice = await stage.person({ viewport: PHONE });
    const bob = await stage.person({ viewport: PHONE });
    await stage.introduce(alice, bob);
    expect(await bob.page.getByTestId('my-link').isVisible()).toBe(false);
    await bob.page.getByLabel('All conversations').click();
    await bob.page.getByTestId('my-link').waitFor();
    expect(await bob.page.getByTestId('composer').isVisible()).toBe(false);
    await eventually(() => bob.page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe(
      'contact',
    );
  });

  test('the first view needs at most 90 kB, is painted before the script, and does not shift', async () => {
    for (const encoding of ['gzip', 'br']) {
      const bytes = await firstLoad(stage.url, encoding);
      console.log(`first load: ${bytes} bytes of ${encoding}`);
      expect(bytes).toBeLessThan(90_000);
    }
    const [alice, bob] = await stage.pair();
    // The largest paint is a sentence of the HTML: no script has to come for it.
    const fresh = await stage.person({ url: 'about:blank' });
    const boxes = await countWasm(fresh, stage.url);
    await fresh.connected();
    // The relay's policy lets WebAssembly seal.
    await eventually(boxes).toBeGreaterThan(0);
    const largest = await fresh.page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          new PerformanceObserver((list) => {
            const last = list.getEntries().at(-1) as (PerformanceEntry & { size: number }) | undefined;
            resolve(`${Math.round(last?.size ?? 0)}`);
          }).observe({ type: 'largest-contentful-paint', buffered: true });
        }),
    );
    const html = await (await fetch(stage.url)).text();
    const sentence = /<p class="faint">([^<]+)</.exec(html)?.[1] ?? '';
    expect(await fresh.page.getByText(sentence).count()).toBe(1);
    const area = await fresh.page.getByText(sentence).evaluate((element) => {
      const range = document.createRange();
      range.selectNodeContents(element);
      const { width, height } = range.getBoundingClientRect();
      return width * height;
    });
    expect(Number(largest)).toBeLessThan(area * 1.2);
    await alice.settings();
    await alice.page.getByRole('button', { name: 'All conversations' }).click();
    await alice.page.reload();
    await alice.page.evaluate(() => {
      const shifts: number[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await alice.connected();
    await bob.say('one');
    await bob.tick('one', 'delivered');
    await alice.page.getByTestId('contact').filter({ hasText: '1 unread' }).waitFor();
    const shifts = await alice.page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.02);
  });

  test('the page is installable, opens without the relay, and mixes no versions', async () => {
    const [alice, bob] = await stage.pair();
    await bob.tell(alice, 'kept for later');
    const session = await alice.page.context().newCDPSession(alice.page);
    const { errors } = await session.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
    // A private window, as the tests' is, offers no installation.
    expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
    await alice.page.evaluate(() => navigator.serviceWorker.ready);
    const kept = await alice.page.evaluate(async () => {
      const names = await caches.keys();
      const requests = await (await caches.open(names[0] ?? '')).keys();
      return { names, paths: requests.map(({ url }) => new URL(url).pathname) };
    });
    expect(kept.names.length).toBe(1);
    expect(kept.paths).toContain('/index.html');
    await stage.restartRelay(async () => {
      await alice.page.goto(`${stage.url}${'0'.repeat(10)}`);
      await alice.open('Bob');
      await alice.reads('kept for later');
      await alice.say('written without a network');
      await alice.tick('written without', 'queued');
      await alice.shoot('offline-shell');
    });
    await bob.reads('written without a network');
    expect(alice.complaints).toEqual([]);
  });

  test('a build for another host matches its hashes, is reproducible, and reaches the relay', async () => {
    const relay = stage.url.replace('http', 'ws');
    const [folder, again] = [buildFor(relay), buildFor(relay)];
    const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8');
    expect(readFileSync(join(again, 'SHA256SUMS'), 'utf8')).toBe(sums);
    const lines = sums.trim().split('\n');
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) {
      const [hash, name = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ).toBe(hash);
    }
    const host = await hostFiles(() => folder, relay);
    const strict = await hostFiles(() => folder, relay, " 'wasm-unsafe-eval'");
    const { url } = host;
    const alice = await stage.person({ url: 'about:blank' });
    const boxes = await countWasm(alice, url);
    await alice.connected();
    const link = await alice.link();
    expect(link).toMatch(new RegExp(`^${url}#[0-9a-f]{64}$`));
    // What is sealed by WebAssembly is opened where the policy refuses it, and the other way round.
    const bob = await stage.person({ url: 'about:blank' });
    const none = await countWasm(bob, `${strict.url}${new URL(link).hash}`);
    await bob.page.getByTestId('add').click();
    await alice.accept('Bob');
    await bob.presence('Online');
    await eventually(boxes).toBeGreaterThan(0);
    const before = await boxes();
    await bob.say('sealed by tweetnacl');
    await bob.tick('sealed by tweetnacl', 'delivered');
    expect(await boxes()).toBeGreaterThan(before);
    expect(await none()).toBe(0);
    expect([...alice.complaints, ...bob.complaints.filter((text) => !text.includes('WebAssembly'))]).toEqual([]);
    for (const { close } of [host, strict]) close();
    for (const made of [folder, again]) rmSync(made, { recursive: true, force: true });
  });

  test('an update is offered at once and applied on a press; versions never mix, and none opens a newer database', async () => {
    const relay = stage.url.replace('http', 'ws');
    const [first, second] = [buildFor(relay), buildFor(`${relay}?`)];
    const script = (folder: string): string =>
      /assets\/index-[^"]+\.js/.exec(readFileSync(join(folder, 'index.html'), 'utf8'))?.[0] ?? '';
    expect(script(first)).not.toBe(script(second));
    let served = first;
    const host = await hostFiles(() => served, relay);
    const alice = await stage.person({ url: host.url });
    const running = async ({ page }: Person): Promise<string> => {
      await page.getByRole('heading', { name: 'Share your link to start talking' }).waitFor();
      return page
        .locator('script[src]')
        .evaluate((element: HTMLScriptElement) => new URL(element.src).pathname.slice(1));
    };
    await alice.page.evaluate(() => navigator.serviceWorker.ready);
    // Its parts come when nothing else is to be done; those of this build are not there any more after this.
    await alice.page.waitForLoadState('networkidle');
    served = second;
    await alice.page.reload();
    expect(await running(alice)).toBe(script(second));
    // The old version's worker is at work while a window is open: without a network it gives its own page, whole.
    await alice.page.context().setOffline(true);
    await alice.page.reload();
    expect(await running(alice)).toBe(script(first));
    await alice.page.context().setOffline(false);
    await alice.page.reload();
    await alice.page.getByText('A new version is ready.').waitFor();
    const begun = alice.page.waitForEvent('load');
    await alice.page.getByRole('button', { name: 'Update', exact: true }).click();
    await begun;
    expect(await running(alice)).toBe(script(second));
    await alice.page.context().setOffline(true);
    await alice.page.reload();
    expect(await running(alice)).toBe(script(second));
    expect(alice.complaints.filter((text) => !/service-worker|ERR_INTERNET/.test(text))).toEqual([]);

    // A newer page takes the database: this one makes way, and does not come back to it. The newer one is a tab of its
    // own, because a page that makes way is loaded again, which ends what it has asked for.
    await alice.page.context().setOffline(false);
    const newer = await alice.page.context().newPage();
    await newer.goto(`${host.url}/SHA256SUMS`);
    await newer.evaluate(async () => {
      const name = (await indexedDB.databases()).find(({ name }) => name?.startsWith('sws.chat.'))?.name ?? '';
      await new Promise((resolve, reject) => {
        const asked = indexedDB.open(name, 99);
        asked.onsuccess = resolve;
        asked.onerror = reject;
      });
    });
    await alice.page.getByRole('heading', { name: 'This page is older than your messages' }).waitFor();
    const versions = await alice.page.evaluate(async () => (await indexedDB.databases()).map(({ version }) => version));
    expect(versions).toContain(99);
    await newer.close();

    // Where no worker keeps a build, a part of it may be gone: the page begins anew with the build that is there.
    const part = readdirSync(join(first, 'assets')).find((name) => name.startsWith('settings-page-')) ?? '';
    rmSync(join(first, 'assets', part));
    served = first;
    const bob = await stage.person({ url: host.url, serviceWorkers: 'block' });
    const hasReloaded = (): Promise<boolean> =>
      bob.page
        .evaluate(() => {
          const [loaded] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
          return loaded?.type === 'reload' && document.readyState === 'complete';
        })
        .catch(() => false);
    await eventually(hasReloaded).toBe(true);
    served = second;
    // Half a minute later.
    await bob.page.evaluate(() => sessionStorage.removeItem('sws.chat reloaded'));
    await bob.settings();
    await bob.page.getByRole('heading', { name: 'Settings' }).waitFor();
    // Going back would end a load.
    await bob.page.waitForLoadState('load');
    // Not `goBack`, which waits for a load: the page goes back without one.
    await bob.page.evaluate(() => history.back());
    expect(await running(bob)).toBe(script(second));
    host.close();
    for (const made of [first, second]) rmSync(made, { recursive: true, force: true });
  });

  test('a QR code is shown, and scanned in browsers without a scanner', async () => {
    const alice = await stage.person();
    await alice.connected();
    const link = await alice.link();
    const picture = (await alice.page.locator('.qr').screenshot()).toString('base64');
    const bob = await stage.person({ permissions: ['camera'] });
    await bob.connected();
    // Without a camera there is a way back to the field.
    await bob.page.getByTestId('add-contact').click();
    await bob.page.getByTestId('scan').click();
    await bob.page.getByText('The camera can’t be used here.').waitFor();
    await bob.page.getByRole('button', { name: 'Paste the link instead' }).click();
    await bob.page.getByLabel('Their link').waitFor();
    await bob.page.keyboard.press('Escape');
    // The camera sees Alice's screen.
    await bob.page.evaluate(async (png) => {
      Reflect.deleteProperty(window, 'BarcodeDetector');
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(png), (c) => c.charCodeAt(0))]));
      const canvas = document.createElement('canvas');
      canvas.width = 640;
      canvas.height = 480;
      const draw = (): void => canvas.getContext('2d')?.drawImage(image, 180, 100, 280, 280);
      draw();
      setInterval(draw, 50);
      navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
    }, picture);
    await bob.page.getByTestId('add-contact').click();
    await bob.page.getByTestId('scan').click();
    await eventually(() =>
      bob.page
        .getByTestId('add-link')
        .inputValue({ timeout: 1_000 })
        .catch(() => ''),
    ).toBe(link);
    await bob.page.getByTestId('add').click();
    await bob.presence('Online, hasn’t accepted you yet');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });
});
