import { expect, test } from 'vitest';
import { describeInChromium, filesWith, Person, Stage } from './chat-people.js';

/** Chromium writes a tab's fields into its session files this long after they changed; 4 s were seen to be enough. */
const SESSION_WRITE_MS = 6_000;

/** All that the page's origin keeps: rows of IndexedDB, files of the private file system, and what scripts store by name. */
async function kept({ page }: Person): Promise<{ readonly name: string; readonly bytes: string }[]> {
  return page.evaluate(async () => {
    const all: { name: string; bytes: string }[] = [];
    const latin = (bytes: ArrayBuffer | Uint8Array): string =>
      Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join('');
    const add = async (name: string, value: unknown): Promise<void> => {
      if (value instanceof Blob) all.push({ name, bytes: latin(await value.arrayBuffer()) });
      else if (value instanceof ArrayBuffer || value instanceof Uint8Array) all.push({ name, bytes: latin(value) });
      else if (typeof value === 'object' && value !== null)
        for (const [key, inner] of Object.entries(value)) await add(`${name}.${key}`, inner);
      else all.push({ name, bytes: String(value) });
    };
    const result = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    for (const { name = '' } of await indexedDB.databases()) {
      const db = await result(indexedDB.open(name));
      for (const store of db.objectStoreNames)
        for (const row of await result(db.transaction(store).objectStore(store).getAll()))
          await add(`${name} ${store}`, row);
      db.close();
    }
    const walk = async (path: string, folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const handle of folder.values()) {
        if (handle instanceof FileSystemDirectoryHandle) await walk(`${path}/${handle.name}`, handle);
        else await add(`${path}/${handle.name}`, await (handle as FileSystemFileHandle).getFile());
      }
    };
    await walk('files', await navigator.storage.getDirectory());
    await add('localStorage', { ...localStorage });
    await add('sessionStorage', { ...sessionStorage });
    await add('history', history.state);
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys()) await add('cache', url);
    return all;
  });
}

describeInChromium('what the chat leaves on the disk', () => {
  const stage = new Stage();

  test('texts, names, drafts, searches and files are sealed for scripts and on disk', async () => {
    const { context, folder } = await stage.profileFolder();
    const bob = await stage.person();
    const alice = new Person(await context.newPage());
    await alice.page.goto(stage.url);
    await stage.introduce(alice, bob);
    const { page } = alice;
    await alice.settings();
    await page.getByLabel('Your name', { exact: false }).first().fill('Heloise Wren');
    await page.getByRole('button', { name: 'All conversations' }).click();
    await alice.open('Bob');
    // Stands in the field for as long as a person takes to write it.
    await page.getByTestId('composer').fill('the otter sleeps until noon');
    await page.waitForTimeout(SESSION_WRITE_MS);
    await page.getByTestId('send').click();
    await bob.reads('the otter sleeps');
    await bob.tell(alice, 'a badger replies');
    const content = (words: string) => Buffer.from(`${words} `.repeat(10_000));
    await bob.sendFiles([{ name: 'marmot.txt', mimeType: 'text/plain', buffer: content('the marmot whistles') }]);
    await page.getByRole('button', { name: 'Download marmot.txt' }).click();
    await page.getByRole('button', { name: 'Save marmot.txt' }).waitFor();
    await alice.sendFiles([{ name: 'lynx.txt', mimeType: 'text/plain', buffer: content('the lynx is silent') }]);
    await page.getByRole('article').filter({ hasText: 'lynx.txt' }).waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('otter');
    await page.getByText('1 message with “otter”').waitFor();
    await page.getByRole('button', { name: 'Clear search' }).click();
    await page.getByTestId('composer').fill('an unfinished heron');
    await page.waitForTimeout(SESSION_WRITE_MS);
    const secrets = ['otter', 'badger', 'marmot', 'lynx', 'heron', 'Heloise', 'Bob', await bob.address()];
    const all = await kept(alice);
    // This test saw the messages, the draft, the settings and both files.
    expect(all.filter(({ name }) => name.endsWith(' messages.box')).length).toBe(4);
    expect(all.filter(({ name }) => name.endsWith(' notes.box')).length).toBe(2);
    expect(all.filter(({ name, bytes }) => name.startsWith('files/') && bytes.length > 180_000).length).toBe(2);
    for (const secret of secrets) {
      const wide = Buffer.from(secret, 'utf16le').toString('latin1');
      expect(all.filter(({ name, bytes }) => `${name} ${bytes}`.includes(secret) || bytes.includes(wide))).toEqual([]);
    }
    await context.close();
    const sessions = await filesWith(folder, stage.url.slice(0, -1));
    expect(sessions.filter((path) => path.includes('Sessions')).length).toBeGreaterThan(0);
    const words = [
      'otter sleeps',
      'badger replies',
      'marmot whistles',
      'lynx is silent',
      'unfinished heron',
      'Heloise',
    ];
    for (const secret of words) expect([secret, await filesWith(folder, secret)]).toEqual([secret, []]);
  });
});
