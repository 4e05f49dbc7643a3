import { Endpoint, type SecureWebSocket } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { describeInChromium, eventually, Stage } from './chat-people.js';

const ID = 'ab'.repeat(16);
/** Fires where markup of a peer's is taken for markup. */
const XSS = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload="window.hacked=1">';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1"><script>window.hacked=1</script></svg>';

describeInChromium('what strangers and others may do to the chat page', () => {
  const stage = new Stage();
  const endpoints: Endpoint[] = [];
  afterEach(async () => {
    for (const endpoint of endpoints.splice(0)) await endpoint.close();
  });

  /** A peer that says what it likes, to the page of this person. */
  async function mallory(address: string): Promise<SecureWebSocket> {
    const endpoint = new Endpoint(stage.url, {
      identity: Identity.generate(randomBytes),
      accept: ({ protocols }) => ({ protocol: protocols[0] ?? '' }),
    });
    endpoints.push(endpoint);
    const socket = endpoint.connect(address, {
      protocols: 'sws.chat.v1',
      resource: `/${XSS}`,
    });
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    return socket;
  }

  const say = (socket: SecureWebSocket, message: object): void => socket.send(JSON.stringify(message));

  test('nothing from a stranger is shown or stored before it is accepted', async () => {
    const alice = await stage.person();
    await alice.connected();
    const stranger = await mallory(await alice.address());
    const heard: string[] = [];
    stranger.addEventListener('message', (event) => heard.push(String((event as MessageEvent).data)));
    say(stranger, { type: 'hello', accepted: true });
    say(stranger, { type: 'text', id: ID, at: Date.now(), text: 'buy cheap watches' });
    say(stranger, { type: 'file', id: ID, at: Date.now(), file: { name: 'watch.png', size: 9, mime: 'image/png' } });
    say(stranger, { type: 'typing' });
    await stranger.delivered();
    await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk to you' }).click();
    await alice.page.getByTestId('request').waitFor();
    await alice.shoot('request');
    expect(await alice.page.content()).not.toMatch(/watch/);
    expect(heard.map((text) => JSON.parse(text).type)).not.toContain('stored');
    expect(heard.map((text) => JSON.parse(text).accepted)).not.toContain(true);
    const accepted = new Promise<void>((resolve) =>
      stranger.addEventListener('message', (event) => {
        if (JSON.parse(String((event as MessageEvent).data)).accepted === true) resolve();
      }),
    );
    await alice.page.getByTestId('accept').click();
    await accepted;
    say(stranger, { type: 'text', id: ID, at: Date.now(), text: 'hello, it is me' });
    await alice.reads('hello, it is me');
    expect(await alice.page.getByTestId('message').count()).toBe(1);
  });

  test('a blocked contact is disconnected, stays blocked after a reload, and can be unblocked', async () => {
    const [alice, bob] = await stage.pair();
    await bob.tell(alice, 'hello');
    await alice.about();
    await alice.page.getByRole('button', { name: 'Block Bob…' }).click();
    await alice.page.getByRole('button', { name: 'Block', exact: true }).click();
    await bob.presence('Doesn’t accept your messages');
    await bob.say('are you angry?');
    await bob.tick('are you angry?', 'queued');
    await alice.page.reload();
    await alice.open('Bob');
    expect(await alice.page.content()).not.toContain('angry');
    await alice.shoot('blocked');
    await alice.page.getByRole('button', { name: 'Unblock' }).click();
    await alice.reads('are you angry?');
    await bob.tick('are you angry?', 'seen');
  });

  test('a postponed request stays hidden until the page is reopened', async () => {
    const [alice, bob] = [await stage.person(), await stage.person()];
    await alice.connected();
    await bob.connected();
    await bob.add(await alice.link(), 'Alice');
    await bob.say('hello?');
    await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).click();
    await alice.page.getByRole('button', { name: 'Delete', exact: true }).click();
    await bob.presence('Doesn’t accept your messages');
    expect(await alice.page.getByTestId('contact').count()).toBe(0);
    await alice.page.reload();
    await alice.accept('Bob');
    await alice.reads('hello?');
  });

  test('markup in any field from a peer stays text, and loads nothing', async () => {
    const alice = await stage.person();
    await alice.connected();
    const asked: string[] = [];
    alice.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const peer = await mallory(await alice.address());
    const files = new Map([[`/${'cd'.repeat(16)}?from=0`, SVG]]);
    endpoints[0]?.addEventListener('connection', ({ socket }: { socket: SecureWebSocket }) => {
      const content = files.get(socket.resource);
      if (content !== undefined) socket.send(new TextEncoder().encode(content));
    });
    const name = XSS.slice(0, 60);
    say(peer, { type: 'hello', accepted: true, name, says: XSS });
    await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).click();
    await alice.page.getByText(XSS, { exact: true }).waitFor();
    // What the peer calls itself becomes the contact's name.
    expect(await alice.page.getByTestId('request-name').inputValue()).toBe(name);
    await alice.page.getByTestId('accept').click();
    await alice.page.getByRole('heading', { name }).waitFor();
    const at = Date.now();
    const hostile = [
      { type: XSS, id: XSS, text: XSS },
      {
        type: 'hello',
        accepted: true,
        seen: XSS,
        name: XSS.slice(0, 60),
        says: XSS,
        move: { from: XSS, signingKey: XSS, signature: XSS },
      },
      { type: 'retract', id: XSS },
      {
        type: 'text',
        id: '0a'.repeat(16),
        at,
        text: `javascript:window.hacked=1 [x](javascript:window.hacked=1)`,
        reply: XSS,
      },
      { type: 'text', id: '0b'.repeat(16), at, text: 'https://x.example/"onmouseover="window.hacked=1' },
      { type: 'text', id: '0c'.repeat(16), at, text: '```\n<script>window.hacked=1</script>\n```' },
      { type: 'file', id: '0d'.repeat(16), at, text: XSS, file: { name: 'captioned', size: 5, mime: 'text/plain' } },
      { type: 'stored', ids: [XSS] },
      { type: 'text', id: XSS, at, text: 'with an id that is none' },
      { type: 'text', id: '01'.repeat(16), at: XSS, text: 'with a time that is none' },
      { type: 'text', id: '02'.repeat(16), at: 1e300, text: 'with a time beyond time' },
      { type: 'text', id: '03'.repeat(16), at, text: XSS },
      { type: 'text', id: '04'.repeat(16), at: at + 1e10, text: '\u202egnp.exe\u0000' },
      { type: 'text', id: '05'.repeat(16), at, text: { toString: XSS } },
      { type: 'stored', id: XSS },
      { type: 'seen', id: XSS },
      { type: 'file', id: '06'.repeat(16), at, file: { name: XSS, size: 5, mime: XSS } },
      { type: 'file', id: '07'.repeat(16), at, file: { name: '../../\u202egpj.exe', size: 5, mime: 'text/html' } },
      { type: 'file', id: '08'.repeat(16), at, file: { name: 'x', size: -1, mime: 'image/png' } },
      { type: 'file', id: 'cd'.repeat(16), at, file: { name: 'x.png', size: SVG.length, mime: 'image/png' } },
      { type: 'file', id: 'ef'.repeat(16), at, file: { name: 'x.svg', size: SVG.length, mime: 'image/svg+xml' } },
      { __proto__: { type: 'text' } },
      null,
      [XSS],
    ];
    for (const message of hostile) peer.send(JSON.stringify(message));
    peer.send(XSS);
    peer.send(new TextEncoder().encode(XSS));
    say(peer, { type: 'text', id: 'ff'.repeat(16), at, text: 'the last one', reply: '03'.repeat(16) });
    await alice.reads('the last one');
    await alice.page.locator('[data-testid=file][data-state=stored]', { hasText: 'x.png' }).waitFor();
    await alice.page.locator('[data-from=peer] img').waitFor({ state: 'attached' });
    expect(await alice.page.locator('[data-from=peer] p[dir=auto]').allTextContents()).toEqual([
      'javascript:window.hacked=1 [x](javascript:window.hacked=1)',
      'https://x.example/"onmouseover="window.hacked=1',
      XSS,
      XSS,
      '\u202egnp.exe\u0000',
      'the last one',
    ]);
    const names = await alice.page.locator('[data-testid=file] bdi').allTextContents();
    expect(names.length).toBe(5);
    expect(
      await alice.page
        .locator('article a')
        .evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).protocol)),
    ).toEqual(['https:']);
    expect(names.join()).not.toMatch(/[\u202e/\\\\<>]/);
    // The SVG is not drawn: only what its bytes say is a raster image is, and only as one.
    expect(await alice.page.locator('[data-from=peer] img').count()).toBe(1);
    expect(
      await alice.page.locator('[data-from=peer] img').evaluate((image: HTMLImageElement) => image.naturalWidth),
    ).toBe(0);
    await alice.shoot('hostile');
    // A quote of it, its name in the list, and what a search finds.
    await alice.page.getByRole('article').filter({ hasText: 'the last one' }).getByText(XSS, { exact: true }).waitFor();
    await alice.page.getByRole('textbox', { name: 'Search' }).fill('onerror');
    await alice.page.getByText('3 messages with “onerror”').waitFor();
    await alice.about();
    expect(await alice.page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(asked.filter((path) => path === '/x')).toEqual([]);
    expect(alice.complaints).toEqual([]);
    expect(await alice.page.locator('article img:not(.picture img), article script, article svg[onload]').count()).toBe(
      0,
    );
  });

  test('the page’s content security policy blocks inline scripts', async () => {
    const alice = await stage.person();
    await alice.connected();
    await alice.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 1';
      document.body.append(script);
      document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.hacked = 2">');
    });
    await eventually(() => alice.complaints.length).toBeGreaterThan(0);
    expect(alice.complaints.join()).toMatch(/Content Security Policy/);
    expect(await alice.page.evaluate(() => 'hacked' in window)).toBe(false);
  });

  test('a flood of requests is refused after fifty, and open conversations continue', async () => {
    const [alice, bob] = await stage.pair();
    const address = await alice.address();
    for (let i = 0; i < 50; i++) await mallory(address);
    await expect(mallory(address)).rejects.toMatchObject({ code: 'refused' });
    expect(await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).count()).toBe(50);
    await bob.say('still here');
    await alice.open('Bob');
    await alice.reads('still here');
  });
});
