import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInChromium, eventually, Person, Stage } from './chat-people.js';

const MEGABYTE = 1_000_000;
/** The ordinary run's large file; `pnpm soak` sends 1 GB. */
const LARGE_BYTES = Number(process.env.SWS_FILE_MB ?? 50) * MEGABYTE;
/** The most that a transfer may add to what a page holds on to, whatever the file's size: its windows, and the code that it loads. */
const MEMORY_BYTES = 24 * MEGABYTE;
/** More than can have been under way when the relay went. */
const RESUMED_BYTES = 8 * MEGABYTE;
/** The middle of a large file: parts of it that its sender has read when something happens. */
const FIRST_PART = 0.4;
const SECOND_PART = 0.7;
const TIMEOUT_MS = 120_000 + LARGE_BYTES / 1_000;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGNgoDX4z8CABwA7GwP9qYVEkgAAAABJRU5ErkJggg==',
  'base64',
);

describeInChromium('files of the chat page', () => {
  const stage = new Stage();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sws-files-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A file of pseudorandom bytes: no two chunks alike. */
  async function makeFile(name: string, size: number): Promise<string> {
    const path = join(folder, name);
    const file = await open(path, 'w');
    const block = Buffer.alloc(MEGABYTE);
    for (let i = 0; i < block.length; i += 32) createHash('sha256').update(`${name} ${i}`).digest().copy(block, i);
    for (let written = 0, i = 0; written < size; i++) {
      block.writeUInt32LE(i);
      written += (await file.write(block, 0, Math.min(block.length, size - written))).bytesWritten;
    }
    await file.close();
    return path;
  }

  async function sha256(path: string): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    return hash.digest('hex');
  }

  const send = (person: Person, path: string): Promise<void> => person.sendFiles(path);

  const file = (person: Person, name: string, state = '') =>
    person.page.locator(`[data-testid=file]${state && `[data-state=${state}]`}`, { hasText: name });

  /** What was received, as the user saves it. */
  async function saved(person: Person, name: string): Promise<string> {
    await person.page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
    // It is opened first.
    const download = person.page.waitForEvent('download', { timeout: TIMEOUT_MS });
    await file(person, name).getByTestId('save').click();
    const path = join(folder, `saved ${name}`);
    await (await download).saveAs(path);
    return path;
  }

  /** The digest of what was received, as the user saves it where there is a File System Access picker (which only a person can answer). */
  async function savedWhereAsked(person: Person, name: string): Promise<string> {
    await person.page.evaluate(async () => {
      const picked = await (await navigator.storage.getDirectory()).getFileHandle('picked', { create: true });
      Object.assign(window, { showSaveFilePicker: async () => picked });
    });
    await file(person, name).getByTestId('save').click();
    const digest = () =>
      person.page.evaluate(async () => {
        const root = await navigator.storage.getDirectory();
        const picked = await (await root.getFileHandle('picked')).getFile();
        const hash = await crypto.subtle.digest('SHA-256', await picked.arrayBuffer());
        return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      });
    const nothing = createHash('sha256').digest('hex');
    await eventually(digest).not.toBe(nothing);
    const found = await digest();
    await person.page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('picked'));
    return found;
  }

  /** Bytes of files that the page has on disk in its private file system. */
  const onDisk = (person: Person): Promise<number> =>
    person.page.evaluate(async () => {
      let bytes = 0;
      const walk = async (directory: FileSystemDirectoryHandle): Promise<void> => {
        for await (const handle of directory.values()) {
          if (handle instanceof FileSystemDirectoryHandle) await walk(handle);
          else bytes += (await (handle as FileSystemFileHandle).getFile()).size;
        }
      };
      await walk(await navigator.storage.getDirectory());
      return bytes;
    });

  /** Lets a page read so much of a large file and no more: what is to happen in the middle does, on any machine. */
  async function holdAt(person: Person, part: number): Promise<void> {
    await person.page.evaluate((bytes) => {
      const isHeld = Reflect.has(window, 'readable');
      Object.assign(window, { readable: bytes });
      if (isHeld) return;
      const { arrayBuffer } = Blob.prototype;
      let read = 0;
      Blob.prototype.arrayBuffer = async function (): Promise<ArrayBuffer> {
        if (this.size < 100_000) return arrayBuffer.call(this);
        read += this.size;
        while (read > Reflect.get(window, 'readable')) await new Promise((resolve) => setTimeout(resolve, 20));
        return arrayBuffer.call(this);
      };
    }, LARGE_BYTES * part);
  }

  /** Two people with profiles on disk, who know each other. */
  async function profiles(): Promise<[Person, Person]> {
    const people: Person[] = [];
    for (let i = 0; i < 2; i++) {
      const context = await stage.profile();
      const person = new Person(await context.newPage());
      await person.page.goto(stage.url);
      people.push(person);
    }
    const [alice, bob] = people;
    if (alice === undefined || bob === undefined) throw new Error('two were made');
    await stage.introduce(alice, bob);
    return [alice, bob];
  }

  test('an image is downloaded and shown at once; another file waits to be requested, and is saved unchanged', async () => {
    const [alice, bob] = await stage.pair();
    await bob.sendFiles([{ name: 'dot.png', mimeType: 'image/png', buffer: PNG }]);
    await file(alice, 'dot.png', 'stored').waitFor();
    const picture = alice.page.getByRole('img', { name: 'Picture: dot.png' });
    await eventually(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(4);
    await file(bob, 'dot.png', 'stored').waitFor();
    const path = await makeFile('report.bin', 3 * MEGABYTE + 7);
    await send(bob, path);
    await file(alice, 'report.bin', 'offered').getByTestId('fetch').click();
    await file(alice, 'report.bin', 'stored').waitFor();
    expect(await savedWhereAsked(alice, 'report.bin')).toBe(await sha256(path));
    expect(await sha256(await saved(alice, 'report.bin'))).toBe(await sha256(path));
    await bob.sendFiles([{ name: 'empty', mimeType: '', buffer: Buffer.alloc(0) }]);
    await file(alice, 'empty').getByTestId('fetch').click();
    await file(alice, 'empty', 'stored').waitFor();
    await alice.shoot('files');
    expect([...alice.complaints, ...bob.complaints]).toEqual([]);
  });

  test('dropped and pasted files are previewed; an unreadable one is reported and blocks no other', async () => {
    const [alice, bob] = await stage.pair();
    const preview = bob.page.getByRole('dialog', { name: 'Send to Alice' });
    /** Drops or pastes files, and perhaps a text, at an element; with whether the page took it. */
    const give = (kind: 'drop' | 'paste', at: string, names: readonly string[], text = ''): Promise<boolean> =>
      bob.page.evaluate(
        ([type, selector, files, words]) => {
          const data = new DataTransfer();
          for (const name of files) data.items.add(new File(['some text'], name, { type: 'image/png' }));
          if (words !== '') data.items.add(words, 'text/plain');
          const target = document.querySelector(selector);
          const init = { bubbles: true, cancelable: true } as const;
          if (type === 'paste')
            return target?.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data })) === false;
          target?.dispatchEvent(new DragEvent('dragover', { ...init, dataTransfer: data }));
          return target?.dispatchEvent(new DragEvent('drop', { ...init, dataTransfer: data })) === false;
        },
        [kind, at, names, text] as const,
      );
    for (const [kind, name] of [
      ['drop', 'dropped.png'],
      ['paste', 'pasted.png'],
    ] as const) {
      expect(await give(kind, '[data-testid=composer]', [name])).toBe(true);
      await preview.getByText(name).waitFor();
      await preview.getByRole('button', { name: 'Send', exact: true }).click();
      await file(alice, name).waitFor();
    }
    // A drop beside the conversation neither sends nor leaves the page.
    expect(await give('drop', 'nav', ['beside.png'])).toBe(true);
    expect(await preview.count()).toBe(0);
    // Of a text and its picture the text is taken, and the picture offered.
    expect(await give('paste', '[data-testid=composer]', ['cells.png'], 'A1 B1')).toBe(false);
    await bob.page.getByRole('button', { name: /^Attach the copied picture/ }).click();
    await preview.getByText('cells.png').waitFor();
    await preview.getByRole('button', { name: 'Close' }).click();
    // What is dropped over a dialog goes nowhere.
    await preview.waitFor({ state: 'detached' });
    // A folder says so when it is read; the others go.
    await bob.page.evaluate(() => {
      const { slice } = Blob.prototype;
      Blob.prototype.slice = function (this: Blob, ...range: Parameters<typeof slice>) {
        if (this instanceof File && this.name === 'gone.png') throw new DOMException('gone', 'NotFoundError');
        return slice.apply(this, range);
      };
    });
    await eventually(async () => {
      if ((await preview.count()) === 0)
        await give('drop', '[data-testid=composer]', ['gone.png', 'here.png', 'there.png']);
      return preview.getByText('This file can’t be read.').count();
    }).toBe(1);
    await preview.getByLabel('Caption').fill('two of three');
    await preview.getByRole('button', { name: 'Send 2 files' }).click();
    await file(alice, 'there.png', 'stored').waitFor();
    await alice.reads('two of three');
    expect(await file(alice, 'gone.png').count()).toBe(0);
    // One that goes after it was looked at is not sent, and said so.
    const paths = [await makeFile('vanishes.bin', 1_000), await makeFile('stays.bin', 1_000)];
    await bob.page.getByTestId('file-input').setInputFiles(paths);
    // Both have been looked at.
    await preview.getByRole('button', { name: 'Send 2 files', disabled: false }).waitFor();
    await rm(paths[0] ?? '');
    await preview.getByRole('button', { name: 'Send 2 files' }).click();
    await bob.page.getByText('vanishes.bin was not sent').waitFor();
    await file(alice, 'stays.bin', 'offered').getByTestId('fetch').click();
    await file(alice, 'stays.bin', 'stored').waitFor();
    expect(await file(alice, 'vanishes.bin').count()).toBe(0);
  });

  test('a large file arrives whole although the relay restarts and the receiver’s tab closes; no page’s memory grows', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [alice, bob] = await profiles();
    const path = await makeFile('large.bin', LARGE_BYTES);
    await send(bob, path);
    await file(alice, 'large.bin', 'offered').waitFor({ timeout: TIMEOUT_MS });
    await holdAt(bob, FIRST_PART);
    const memory = await watchMemory([alice, bob]);
    await file(alice, 'large.bin').getByTestId('fetch').click();
    await file(alice, 'large.bin').getByTestId('rate').waitFor();
    await file(bob, 'large.bin').getByTestId('rate').waitFor();
    await bob.shoot('sending');
    await alice.shoot('receiving');
    const before = await onDisk(alice);
    expect(before).toBeLessThan(LARGE_BYTES / 2);
    await stage.restartRelay();
    await holdAt(bob, SECOND_PART);
    await expect.poll(() => onDisk(alice), { timeout: TIMEOUT_MS }).toBeGreaterThan(before + RESUMED_BYTES);
    const kept = await onDisk(alice);
    expect(kept).toBeLessThan(LARGE_BYTES);
    await alice.page.reload();
    expect(await onDisk(alice)).toBeGreaterThanOrEqual(kept);
    await holdAt(bob, Number.POSITIVE_INFINITY);
    await alice.open('Bob');
    await file(alice, 'large.bin', 'stored').waitFor({ timeout: TIMEOUT_MS });
    await file(bob, 'large.bin', 'stored').waitFor();
    const grown = await memory.stop();
    console.log(`${LARGE_BYTES / MEGABYTE} MB: the pages' heaps grew by at most ${Math.round(grown / MEGABYTE)} MB`);
    expect(grown).toBeLessThan(MEMORY_BYTES);
    expect(await sha256(await saved(alice, 'large.bin'))).toBe(await sha256(path));
  });

  test('a small file does not wait for a large one; either side can cancel, and nothing stays', async () => {
    const [alice, bob] = await profiles();
    await send(bob, await makeFile('unwanted.bin', LARGE_BYTES));
    await file(bob, 'unwanted.bin', 'offered').waitFor({ timeout: TIMEOUT_MS });
    await holdAt(bob, FIRST_PART);
    await file(alice, 'unwanted.bin', 'offered').getByTestId('fetch').click();
    await file(alice, 'unwanted.bin').getByTestId('rate').waitFor();
    await bob.sendFiles([{ name: 'dot.png', mimeType: 'image/png', buffer: PNG }]);
    await file(alice, 'dot.png', 'stored').waitFor();
    await alice.act('dot.png', 'Delete');
    await alice.page.getByRole('button', { name: 'Delete here' }).click();
    await file(alice, 'unwanted.bin').getByTestId('cancel').click();
    await file(alice, 'unwanted.bin', 'cancelled').waitFor();
    await bob.page.getByTestId('announcement').filter({ hasText: 'unwanted.bin was cancelled' }).waitFor();
    await eventually(() => onDisk(alice)).toBe(0);
    // Wanted after all; and now the sender thinks better of it.
    await holdAt(bob, 2 * FIRST_PART);
    await file(alice, 'unwanted.bin').getByTestId('fetch').click();
    await file(bob, 'unwanted.bin').getByTestId('rate').waitFor();
    await file(bob, 'unwanted.bin').getByTestId('cancel').click();
    await file(alice, 'unwanted.bin', 'withdrawn').waitFor();
    expect(await file(alice, 'unwanted.bin').getByTestId('fetch').count()).toBe(0);
  });

  test('a file continues from the browser’s copy after the sender’s tab was closed', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [alice, bob] = await profiles();
    const path = await makeFile('kept.bin', 5 * MEGABYTE);
    await alice.page.goto('about:blank');
    await bob.presence('Offline');
    await send(bob, path);
    await file(bob, 'kept.bin', 'offered').waitFor();
    const hash = await sha256(path);
    await rm(path);
    await bob.page.goto('about:blank');
    await alice.page.goto(stage.url);
    await alice.connected();
    await bob.page.goto(stage.url);
    await alice.open('Bob');
    await file(alice, 'kept.bin', 'offered').getByTestId('fetch').click();
    await file(alice, 'kept.bin', 'stored').waitFor();
    expect(await sha256(await saved(alice, 'kept.bin'))).toBe(hash);
  });
});

/** The largest growth of what the pages hold on to, in their JavaScript heaps and buffers, while it watches; in bytes. */
async function watchMemory(people: readonly Person[]): Promise<{ stop(): Promise<number> }> {
  const sessions = await Promise.all(people.map(({ page }) => page.context().newCDPSession(page)));
  const read = async (): Promise<number[]> =>
    Promise.all(
      sessions.map(async (session) => {
        await session.send('HeapProfiler.collectGarbage');
        const { usedSize, backingStorageSize = 0 } = (await session.send('Runtime.getHeapUsage')) as {
          usedSize: number;
          backingStorageSize?: number;
        };
        return usedSize + backingStorageSize;
      }),
    );
  const before = await read();
  let grown = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const now = await read().catch(() => []); // a page that is being closed
      for (const [i, bytes] of now.entries()) grown = Math.max(grown, bytes - (before[i] ?? 0));
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return grown;
    },
  };
}
