import { expect, test } from 'vitest';
import { describeInChromium, Person, Stage } from './chat-people.js';

const PASSPHRASE = 'correct horse battery staple';

describeInChromium('identities of the chat page', () => {
  const stage = new Stage();

  async function backUp(person: Person): Promise<string> {
    await person.settings();
    await person.page.getByRole('button', { name: 'Save backup…' }).click();
    await person.page.getByText('It has no files').waitFor();
    await person.page.getByTestId('backup-passphrase').fill(PASSPHRASE);
    const download = person.page.waitForEvent('download');
    // The tests' browser has no place to choose: it saves as those without a picker do.
    await person.page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
    await person.page.getByTestId('backup').click();
    const path = await (await download).path();
    await person.page.getByText('Anyone with the file and the passphrase can act as you').waitFor();
    await person.page.keyboard.press('Escape');
    await person.page.getByRole('button', { name: 'All conversations' }).click();
    return path;
  }

  async function restore(person: Person, file: string, passphrase: string): Promise<void> {
    await person.page.getByTestId('restore-file').setInputFiles(file);
    await person.page.getByTestId('restore-passphrase').fill(passphrase);
    await person.page.getByTestId('restore').click();
  }

  test('a backup restores address, contacts, messages and verification on another device', async () => {
    const [alice, bob] = await stage.pair();
    await bob.say('said on the old device');
    await bob.tick('said on the old device', 'seen');
    await bob.about();
    await bob.page.getByTestId('verify').click();
    await bob.page.getByRole('button', { name: 'Back to the conversation' }).click();
    const link = await bob.link();
    const file = await backUp(bob);

    const device = await stage.person();
    await device.connected();
    await device.settings();
    await device.page.getByRole('button', { name: 'Restore a backup…' }).click();
    await restore(device, file, 'wrong');
    await device.page.getByText('That passphrase is wrong').waitFor();
    await device.shoot('identity');
    await restore(device, file, PASSPHRASE);
    await device.page.getByTestId('contact').filter({ hasText: 'Alice' }).waitFor();
    await device.connected();
    expect(await device.link()).toBe(link);
    await bob.page.getByText('You’re connected on another device').waitFor();
    await bob.shoot('replaced');
    await device.open('Alice');
    await device.page.getByTestId('conversation').getByRole('img', { name: 'Verified' }).waitFor();
    await device.tick('said on the old device', 'seen');
    await device.tell(alice, 'from my new phone');
    await alice.tell(device, 'so it is you');
    // The first device takes its turn again. The other is put away first: a registration of less than five seconds fights back.
    await device.page.goto('about:blank');
    await bob.page.getByRole('button', { name: 'Use here' }).click();
    await bob.connected();
    await bob.open('Alice');
    await bob.tell(alice, 'and from the old one');
    expect([...alice.complaints, ...bob.complaints, ...device.complaints]).toEqual([]);
  });

  test('both people see the same security number; a known name with another key is marked as changed', async () => {
    const [alice, bob] = await stage.pair();
    await alice.about();
    await bob.about();
    const number = await alice.page.getByTestId('fingerprint').textContent();
    expect(number).toMatch(/^(\d{5} ){7}\d{5}$/);
    expect(await bob.page.getByTestId('fingerprint').textContent()).toBe(number);
    await alice.page.getByTestId('verify').click();
    await alice.page
      .getByTestId('trust')
      .filter({ hasText: /^verified$/ })
      .waitFor();
    await alice.page.getByRole('button', { name: 'Back to the conversation' }).click();
    await alice.page.getByTestId('conversation').getByRole('img', { name: 'Verified' }).waitFor();
    const impostor = await stage.person();
    await impostor.connected();
    await alice.page.getByTestId('add-contact').click();
    await alice.page.getByTestId('add-link').fill(await impostor.link());
    await alice.page.getByTestId('add-name').fill('bob');
    await alice.page.getByTestId('add').click();
    await alice.page.getByText('under another key').waitFor();
    await alice.page.getByTestId('add').click();
    await alice.page.getByRole('img', { name: 'Changed' }).waitFor();
  });

  test('a new address is announced with the old key’s signature, needs confirmation, and is not verified', async () => {
    const [alice, bob] = await stage.pair();
    await bob.tell(alice, 'before the move');
    await alice.about();
    await alice.page.getByTestId('verify').click();
    await alice.page.getByRole('button', { name: 'Back to the conversation' }).click();
    const before = await bob.link();
    await bob.settings();
    await bob.page.getByTestId('move').click();
    // The page loads anew once it has the new address.
    const begunAnew = bob.page.waitForEvent('load');
    await bob.page.getByRole('dialog').getByRole('button', { name: 'Take a new address' }).click();
    await begunAnew;
    await bob.page.getByTestId('contact').filter({ hasText: 'Alice' }).waitFor();
    expect(await bob.link()).not.toBe(before);
    await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).click();
    await alice.page.getByText('Bob has a new address').waitFor();
    await alice.shoot('moved');
    await alice.page.getByTestId('accept').click();
    await alice.page.getByRole('img', { name: 'Changed' }).waitFor();
    await alice.reads('before the move');
    await bob.open('Alice');
    await bob.tell(alice, 'after the move');
    expect(await alice.page.getByTestId('contact').count()).toBe(1);
  });

  test('deleting the identity erases the address, the contacts and all messages', async () => {
    const [alice, bob] = await stage.pair();
    await alice.tell(bob, 'forget me');
    const before = await bob.link();
    await bob.settings();
    await bob.page.getByTestId('start-over').click();
    await bob.page.getByRole('button', { name: 'Delete identity', exact: true }).click();
    await bob.page.getByRole('heading', { name: 'Share your link to start talking' }).waitFor();
    await bob.connected();
    expect(await bob.link()).not.toBe(before);
    expect(await bob.page.getByTestId('contact').count()).toBe(0);
    const databases = await bob.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    expect(databases.filter((name) => name?.startsWith('sws.chat.')).length).toBe(1);
  });

  test('of two tabs one is connected; the other waits, takes over, or follows when the first closes', async () => {
    const alice = await stage.person();
    await alice.connected();
    const profile = alice.page.context();
    const second = new Person(await profile.newPage());
    await second.page.goto(stage.url);
    await second.page.getByText('Open in another tab').waitFor();
    await second.shoot('other-tab');
    await second.page.getByTestId('use-here').click();
    await second.connected();
    await alice.page.getByText('Open in another tab').waitFor();
    const bob = await stage.person();
    await bob.connected();
    await bob.add(await second.link(), 'Alice');
    await second.accept('Bob');
    await bob.tell(second, 'to the second tab');
    await second.page.close();
    await alice.connected();
    await alice.open('Bob');
    await alice.reads('to the second tab');
    await bob.tell(alice, 'to the first tab');
    expect(await alice.page.getByTestId('message').count()).toBe(2);
    // Somebody who tries the chat alone is two people in one profile.
    const other = new Person(await profile.newPage());
    await other.page.goto(stage.url);
    await other.page.getByTestId('second-person').click();
    await other.connected();
    expect(await other.link()).not.toBe(await alice.link());
    await other.add(await alice.link(), 'Myself');
    await alice.page.getByTestId('contact').filter({ hasText: 'wants to talk' }).waitFor();
    expect([...alice.complaints, ...second.complaints, ...bob.complaints, ...other.complaints]).toEqual([]);
  });
});
