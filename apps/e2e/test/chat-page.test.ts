import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { expect, test } from 'vitest';
import { DESKTOP, describeInChromium, eventually, type Person, PHONE, Stage } from './chat-people.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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

/** A static host: files alone, with the policy of the README. */
async function hostFiles(folder: () => string, relay: string): Promise<{ url: string; close(): void }> {
  const policy = /`Content-Security-Policy: ([^`]+)`/.exec(readFileSync(join(CHAT, 'README.md'), 'utf8'))?.[1] ?? '';
  expect(policy).toContain("default-src 'self'");
  const server = createServer((request, response) => {
    const path = join(folder(), request.url === '/' ? 'index.html' : (request.url ?? ''));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(path)] ?? 'text/plain',
      'Content-Security-Policy': policy.replace('wss://relay.example', relay),
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

describeInChromium('the chat page itself', () => {
  const stage = new Stage();

  test.each([
    ['desktop, light', DESKTOP, 'light'],
    ['desktop, dark', DESKTOP, 'dark'],
    ['phone, light', PHONE, 'light'],
    ['phone, dark', PHONE, 'dark'],
  ] as const)('axe finds no barrier in any view: %s', async (name, viewport, colorScheme) => {
    const shot = name.replace(', ', '-');
    const found: Record<string, string[]> = {};
    const look = async (person: Person, view: string): Promise<void> => {
      found[view] = await barriers(person);
      await person.shoot(`${shot}-${view}`);
    };
    const alice = await stage.person({ viewport, colorScheme });
    await alice.connected();
    await look(alice, 'empty');
    await alice.page.getByTestId('my-link').click();
    await look(alice, 'my-link');
    await alice.page.keyboard.press('Escape');
    await alice.page.getByTestId('add-contact').click();
    await look(alice, 'add-contact');
    await alice.page.keyboard.press('Escape');
    await alice.page.getByRole('button', { name: 'You', exact: true }).click();
    await look(alice, 'identity');
    await alice.page.keyboard.press('Escape');
    const bob = await stage.person();
    await bob.connected();
    await bob.add(await alice.link(), 'Alice');
    await alice.page.getByTestId('contact').click();
    await look(alice, 'request');
    await alice.page.getByTestId('request-name').fill('Bob');
    await alice.page.getByTestId('accept').click();
    await bob.presence('Online, end-to-end encrypted');
    await bob.say('Shall we meet at the harbour, or would you rather walk up to the lighthouse?');
    await alice.reads('harbour');
    await alice.say('The lighthouse! Bring the good binoculars.');
    await alice.tick('lighthouse', 'seen');
    await bob.page
      .getByTestId('file-input')
      .setInputFiles([{ name: 'map of the coast.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(70_000) }]);
    await alice.page.getByTestId('file').waitFor();
    await look(alice, 'conversation');
    await alice.page.getByTestId('details').click();
    await look(alice, 'contact');
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((view) => [view, []])));
    expect(
      await alice.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    ).toBe(0);
  });

  test('by keyboard alone: add somebody, write, open details, come back to where one was', async () => {
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
    await keyboard.press('Escape');
    await eventually(focused).toBe('details');
  });

  test('the phone shows one half at a time, and the way back', async () => {
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

  test('nothing on the page moves by itself while it loads and while messages come', async () => {
    const [alice, bob] = await stage.pair();
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

  test('installable, and opens without the relay: a version’s files all come from that version', async () => {
    const [alice, bob] = await stage.pair();
    await bob.say('kept for later');
    await alice.reads('kept for later');
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

  test('a build for another host: as its hashes say, the same each time, and it reaches the relay', async () => {
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
    const { url } = host;
    const alice = await stage.person({ url });
    await alice.connected();
    const link = await alice.link();
    expect(link).toMatch(new RegExp(`^${url}#[0-9a-f]{64}$`));
    const bob = await stage.person({ url: link });
    await bob.page.getByTestId('add').click();
    await alice.accept('Bob');
    await bob.presence('Online, end-to-end encrypted');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
    host.close();
    for (const made of [folder, again]) rmSync(made, { recursive: true, force: true });
  });

  test('an update is seen at once, and no page is put together from two versions, with a network or without', async () => {
    const relay = stage.url.replace('http', 'ws');
    const [first, second] = [buildFor(relay), buildFor(`${relay}?`)];
    const script = (folder: string): string =>
      /assets\/index-[^"]+\.js/.exec(readFileSync(join(folder, 'index.html'), 'utf8'))?.[0] ?? '';
    expect(script(first)).not.toBe(script(second));
    let served = first;
    const host = await hostFiles(() => served, relay);
    const alice = await stage.person({ url: host.url });
    const running = (): Promise<string> =>
      alice.page
        .locator('script[src]')
        .evaluate((element: HTMLScriptElement) => new URL(element.src).pathname.slice(1));
    await alice.page.evaluate(() => navigator.serviceWorker.ready);
    served = second;
    await alice.page.reload();
    await alice.page.getByTestId('my-link').waitFor();
    expect(await running()).toBe(script(second));
    // The old version's worker is at work while a window is open: without a network it gives its own page, whole.
    host.close();
    await alice.page.reload();
    await alice.page.getByTestId('my-link').waitFor();
    expect(await running()).toBe(script(first));
    expect(alice.complaints.filter((text) => !text.includes('service-worker'))).toEqual([]);
    for (const made of [first, second]) rmSync(made, { recursive: true, force: true });
  });

  test('a QR code is shown, and read by the camera where the browser can’t itself', async () => {
    const alice = await stage.person();
    await alice.connected();
    const link = await alice.link();
    await alice.page.getByTestId('my-link').click();
    const picture = (await alice.page.locator('.qr').screenshot()).toString('base64');
    const bob = await stage.person({ permissions: ['camera'] });
    await bob.connected();
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
    await bob.presence('Online, has not accepted you yet');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });
});
