import { Identity, randomBytes } from '@sws/client';
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { History, type Message, newMessage } from '../src/history.js';

async function opened(): Promise<History> {
  return History.open(Identity.generate(randomBytes));
}

function said(id: string, mine = false): Omit<Message, 'seq'> {
  return { ...newMessage('c'), id, mine };
}

function places(messages: readonly Message[]): unknown[] {
  return messages.map(({ id, seq }) => [id, seq]);
}

test('a message that is there already is not added again, and does not keep out the others', async () => {
  const history = await opened();
  await history.append([said('a'), said('b')], 0);
  const added = await history.append([said('b'), said('c'), said('c'), said('b', true)], 0);
  expect(added.map(({ id, mine }) => [id, mine])).toEqual([
    ['c', false],
    ['b', true],
  ]);
  const all = await history.page('c', Number.POSITIVE_INFINITY, 9);
  expect(all.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'b']);
  expect(all.slice(2)).toEqual(added);
  expect(await history.count()).toBe(4);
  history.close();
});

test('a place that was seen is not given again when its message was deleted: what comes there is unread', async () => {
  const history = await opened();
  const [, last] = await history.append([said('a'), said('b')], 0);
  if (last === undefined) throw new Error('nothing was added');
  await history.remove(last);
  expect(places(await history.append([said('c')], last.seq))).toEqual([['c', 3]]);
  await history.clear('c');
  const added = await history.append([said('d'), said('mine', true), said('e')], 3);
  expect(places(added)).toEqual([
    ['d', 4],
    ['mine', 5],
    ['e', 6],
  ]);
  expect([await history.countAfter('c', 3), await history.firstAfter('c', 4)]).toEqual([2, 6]);
  expect(await history.firstAfter('c', 6)).toBeNull();
  history.close();
});
