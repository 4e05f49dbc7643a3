import { expect, test } from 'vitest';
import { type History, type Message, newMessage } from '../src/history.js';
import { Thread } from '../src/thread.js';

/** A history of one contact in memory, with holes where messages were deleted. */
class Kept {
  readonly all: Message[];

  constructor(count: number) {
    this.all = [];
    for (let i = 0; i < count; i++) this.add(i % 7 === 3);
  }

  add(deleted = false): Message {
    const seq = (this.all.at(-1)?.seq ?? 0) + (deleted ? 2 : 1);
    const message: Message = { ...newMessage('c'), seq, mine: false };
    this.all.push(message);
    return message;
  }

  async page(_contact: string, before: number, count: number): Promise<Message[]> {
    return this.all.filter(({ seq }) => seq < before).slice(-count);
  }

  async pageAfter(_contact: string, after: number, count: number): Promise<Message[]> {
    return this.all.filter(({ seq }) => seq > after).slice(0, count);
  }
}

function opened(count: number): { readonly kept: Kept; readonly thread: Thread; places(): number[] } {
  const kept = new Kept(count);
  const thread = new Thread(kept as unknown as History, 'c');
  return { kept, thread, places: () => thread.messages.value.map(({ seq }) => seq) };
}

test('scrolling to the beginning and back shows every message, and never draws more than 150', async () => {
  const { kept, thread, places } = opened(1_000);
  await thread.loadLast();
  await thread.toEnd();
  const passed = new Set(places());
  const look = (): void => {
    const all = kept.all.map(({ seq }) => seq);
    const from = all.indexOf(places()[0] ?? 0);
    expect(places()).toEqual(all.slice(from, from + places().length));
    expect(places().length).toBeLessThanOrEqual(150);
    for (const seq of places()) passed.add(seq);
  };
  while (thread.hasEarlier.value) {
    await thread.earlier();
    look();
  }
  expect(passed.size).toBe(1_000);
  expect(places()[0]).toBe(kept.all[0]?.seq);
  while (thread.hasLater.value) {
    await thread.later();
    look();
  }
  expect(places().at(-1)).toBe(kept.all.at(-1)?.seq);
});

test('new messages do not change the drawn part while scrolled far back', async () => {
  const { kept, thread, places } = opened(400);
  await thread.loadLast();
  await thread.toPlace(kept.all[100]?.seq ?? 0);
  thread.hold(true);
  const before = places();
  for (let i = 0; i < 500; i++) thread.add([kept.add()]);
  expect(places()).toEqual(before);
  expect(thread.hasLater.value).toBe(true);
  await thread.toEnd();
  expect(places().at(-1)).toBe(kept.all.at(-1)?.seq);
  expect(thread.hasLater.value).toBe(false);
});

test('new messages at the end are drawn, hidden ones are not, and the list needs only the last', async () => {
  const { kept, thread, places } = opened(10);
  await thread.loadLast();
  const first = kept.add();
  thread.add([first]);
  expect(places()).toEqual([]);
  expect(thread.last.value).toBe(first);
  await thread.toEnd();
  const second = kept.add();
  thread.add([second]);
  expect(places().slice(-2)).toEqual([first.seq, second.seq]);
  thread.hide(second);
  expect(places().at(-1)).toBe(first.seq);
  expect(thread.last.value).toBe(first);
  for (let i = 0; i < 400; i++) thread.add([kept.add()]);
  expect(places().length).toBeLessThanOrEqual(150);
  expect(places().at(-1)).toBe(kept.all.at(-1)?.seq);
  thread.close();
  expect(places()).toEqual([]);
});
