import { expect, test } from 'vitest';
import { describeInChromium, PHONE, Stage } from './chat-people.js';

describeInChromium('messages of the chat page', () => {
  const stage = new Stage();

  test('one person opens the other’s link, is accepted, and both read messages', async () => {
    const alice = await stage.person();
    await alice.connected();
    const bob = await stage.person({ url: await alice.link(), viewport: PHONE });
    await bob.page.getByTestId('add-name').fill('Alice');
    await bob.page.getByTestId('add').click();
    await bob.presence('Online, hasn’t accepted you yet');
    await bob.say('Hello Alice 👋🏽');
    await bob.tick('Hello Alice', 'queued');
    await alice.accept('Bob');
    await alice.reads('Hello Alice 👋🏽');
    await bob.tick('Hello Alice', 'seen');
    const paste = 'a long paste, '.repeat(15_000).slice(0, 200_000);
    await alice.say(paste);
    await bob.page.getByRole('button', { name: 'Read more' }).click();
    const received = bob.page.locator('[data-from=peer] p');
    expect(await received.textContent()).toBe(paste);
    await alice.tick('a long paste', 'seen');
    await bob.page.getByTestId('composer').pressSequentially('That');
    await alice.presence('Writing…');
    await bob.tell(alice, 'That was long. 📜');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });

  test('a message to an offline peer waits in the browser, even closed, and is sent when both are online', async () => {
    const [alice, bob] = await stage.pair();
    await alice.page.goto('about:blank');
    await bob.presence('Offline');
    await bob.say('are you there?');
    await bob.tick('are you there?', 'queued');
    await bob.page.goto('about:blank');
    await bob.page.goto(stage.url);
    await bob.open('Alice');
    await bob.tick('are you there?', 'queued');
    await bob.shoot('offline');
    await alice.page.goto(stage.url);
    // Stored and said so, though Alice has not looked yet.
    await bob.tick('are you there?', 'delivered');
    await alice.page.getByTestId('contact').filter({ hasText: 'Bob' }).filter({ hasText: '1 unread' }).click();
    await alice.reads('are you there?');
    await bob.tick('are you there?', 'seen');
    await alice.page.reload();
    await alice.open('Bob');
    expect(await alice.page.locator('[data-from=peer]').count()).toBe(1);
    await bob.page.reload();
    await bob.open('Alice');
    await bob.tick('are you there?', 'seen');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });

  test('while the relay is down the page says since when, and queued messages arrive after it', async () => {
    const [alice, bob] = await stage.pair();
    await stage.restartRelay(async () => {
      await bob.page
        .getByTestId('connection-state')
        .filter({ hasText: /^Reconnecting since \d/ })
        .waitFor();
      await bob.presence('Not connected');
      await bob.say('written while the relay was away');
      await bob.tick('written while', 'queued');
      await bob.shoot('reconnecting');
    });
    await alice.reads('written while the relay was away');
    await bob.tick('written while', 'seen');
  });

  test('every message arrives once although both reconnect repeatedly', async () => {
    const [alice, bob] = await stage.pair();
    for (let round = 1; round <= 6; round++) {
      await Promise.all([alice, bob].slice(round % 3 === 0 ? 1 : 0).map(({ page }) => page.reload()));
      await alice.open('Bob');
      await bob.open('Alice');
      await Promise.all([alice.say(`from Alice, round ${round}`), bob.say(`from Bob, round ${round}`)]);
      await Promise.all([alice.tick(`Alice, round ${round}`, 'seen'), bob.tick(`Bob, round ${round}`, 'seen')]);
    }
    for (const person of [alice, bob]) expect(await person.page.locator('[data-from=peer]').count()).toBe(6);
  });

  test('three people: conversations are separate, with their own unread counts', async () => {
    const [alice, bob] = await stage.pair();
    const carol = await stage.person();
    await stage.introduce(alice, carol);
    await bob.say('from Bob');
    await carol.tell(alice, 'from Carol');
    await bob.tick('from Bob', 'delivered');
    await alice.page.getByTestId('contact').filter({ hasText: 'from Bob' }).filter({ hasText: '1 unread' }).waitFor();
    await alice.shoot('three-people');
    await expect.poll(() => alice.page.title()).toBe('(1) SWS chat');
    await alice.page.getByTestId('contact').filter({ hasText: 'from Bob' }).click();
    await alice.reads('from Bob');
    expect(await alice.page.locator('[data-from=peer]').count()).toBe(1);
    await bob.tick('from Bob', 'seen');
    await expect.poll(() => alice.page.title()).toBe('SWS chat');
  });

  test('deletes a message, and does not send a queued one', async () => {
    const [alice, bob] = await stage.pair();
    await bob.tell(alice, 'keep this');
    await alice.page.goto('about:blank');
    await bob.presence('Offline');
    await bob.say('take this back');
    await bob.act('take this back', 'Delete');
    await bob.page.getByRole('button', { name: 'Delete here', exact: true }).click();
    await bob.page.locator('[data-from=me]', { hasText: 'take this back' }).waitFor({ state: 'detached' });
    await bob.say('and this instead');
    await alice.page.goto(stage.url);
    await bob.tick('and this instead', 'delivered');
    await alice.open('Bob');
    await alice.reads('and this instead');
    expect(await alice.page.locator('[data-from=peer]').allTextContents()).not.toContain('take this back');
    await alice.about();
    await alice.page.getByRole('button', { name: 'Delete all messages…' }).click();
    await alice.page.getByRole('button', { name: 'Delete messages', exact: true }).click();
    await alice.page.locator('[data-testid=message]').first().waitFor({ state: 'detached' });
    await alice.page.reload();
    await alice.open('Bob');
    await alice.presence('Online');
    expect(await alice.page.getByTestId('message').count()).toBe(0);
  });
});
