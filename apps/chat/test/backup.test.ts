import { Identity, randomBytes } from '@sws/client';
import 'fake-indexeddb/auto';
import { beforeAll, expect, test } from 'vitest';
import { backUp, type OpenedBackup, openBackup } from '../src/backup.js';
import { type Contact, History, type Message, newMessage } from '../src/history.js';
import { SEALED_PIECE_BYTES } from '../src/sealed.js';

const PASSPHRASE = 'correct horse battery staple';
const identity = Identity.generate(randomBytes);
/** scrypt is meant to be slow, and so may the machine be. */
const SLOW_MS = 60_000;
/** More than are read at a time. */
const COUNT = 600;

function contact(id: string, address: string): Contact {
  const [name, status] = [`name of ${id}`, 'accepted'] as const;
  const rest = {
    verified: true,
    formerly: null,
    addedAt: 1,
    seen: { id: 'a', seq: 1 },
    theySaw: 3,
    knewUs: false,
    muted: true,
  };
  return { id, address, name, status, ...rest };
}

function message(of: string, index: number): Message {
  const text = index === 7 ? `${'ל'.repeat(90_000)} 🧭` : `message ${index} of ${of}`;
  return { ...newMessage(of), seq: 2 * index + 1, text, mine: index % 2 === 0, delivered: true };
}

const told: number[] = [];
let history: History;
let backup: Blob;
let opened: OpenedBackup;

beforeAll(async () => {
  history = await History.open(identity);
  for (const id of ['a', 'b']) {
    await history.putContact(contact(id, id.repeat(64)));
    await history.restore(Array.from({ length: id === 'a' ? 8 : COUNT }, (_, index) => message(id, index)));
  }
  const file = { name: 'x.pdf', size: 5, mime: 'application/pdf', state: 'stored' } as const;
  await history.restore([{ ...message('b', COUNT), mine: false, file }]);
  backup = await new Response(backUp(identity, history, PASSPHRASE, (part) => told.push(part))).blob();
  history.close();
  await History.erase(identity.publicKey);
  opened = await openBackup(backup, PASSPHRASE);
}, SLOW_MS);

/** A history as it is on another device. */
async function elsewhere(run: (history: History) => Promise<void>): Promise<void> {
  const there = await History.open(identity);
  await run(there).finally(async () => {
    there.close();
    await History.erase(identity.publicKey);
  });
}

test('a restored backup has the same contacts and messages in the same order, and received files can be requested again', async () => {
  expect(told.at(-1)).toBe(1);
  expect(await backup.text()).not.toMatch(/message 3 of/);
  expect(opened.identity.publicKey).toBe(identity.publicKey);
  await elsewhere(async (there) => {
    const parts: number[] = [];
    await opened.writeInto(there, (part) => parts.push(part));
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.at(-1)).toBe(1);
    expect(await there.contacts()).toEqual(['a', 'b'].map((id) => contact(id, id.repeat(64))));
    const all = await there.pageAfter('b', 0, 2 * COUNT);
    expect(all.map(({ seq, text }) => [seq, text])).toEqual(
      Array.from({ length: COUNT + 1 }, (_, index) => [2 * index + 1, message('b', index).text]),
    );
    expect(all.at(-1)?.file?.state).toBe('offered');
  });
});

test('a contact that already exists stays unchanged', async () => {
  await elsewhere(async (there) => {
    const here = { ...contact('mine', 'a'.repeat(64)), name: 'Ann' };
    await there.putContact(here);
    await opened.writeInto(there, () => {});
    expect(await there.contacts()).toEqual([contact('b', 'b'.repeat(64)), here]);
    expect(await there.pageAfter('a', 0, 1)).toEqual([]);
  });
});

test('a truncated or reordered backup is reported', { timeout: SLOW_MS }, async () => {
  await expect(openBackup(new Blob(['a photo']), PASSPHRASE)).rejects.toMatchObject({ code: 'sealed-malformed' });
  const head = (await backup.text()).indexOf('\n') + 1;
  const cut = await openBackup(backup.slice(0, head + 2 * SEALED_PIECE_BYTES), PASSPHRASE);
  await elsewhere((there) => expect(cut.writeInto(there, () => {})).rejects.toThrow('This backup is incomplete'));
  const bytes = new Uint8Array(await backup.arrayBuffer());
  bytes.set(bytes.subarray(head, head + SEALED_PIECE_BYTES), head + SEALED_PIECE_BYTES);
  const moved = await openBackup(new Blob([bytes]), PASSPHRASE);
  await elsewhere((there) => expect(moved.writeInto(there, () => {})).rejects.toThrow('damaged'));
});
