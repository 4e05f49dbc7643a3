import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Message, newMessage } from '../src/history.js';

vi.stubGlobal('navigator', { languages: ['en-GB'] });
const { linesOf } = await import('../src/views/lines.js');

const DAY_MS = 86_400_000;
const NOON = new Date(2026, 4, 12, 12).getTime();

function said(at: number, seq: number, mine = false): Message {
  return { ...newMessage('c'), seq, at, mine, text: String(seq) };
}

test('each day is shown once, however the clocks differ', () => {
  const clocks = fc.array(fc.record({ at: fc.integer({ min: NOON, max: NOON + 9 * DAY_MS }), mine: fc.boolean() }));
  fc.assert(
    fc.property(clocks, (all) => {
      const lines = linesOf(
        all.map(({ at, mine }, index) => said(at, index + 1, mine)),
        null,
      );
      const days = lines.flatMap(({ day }) => day ?? []);
      expect(new Set(days).size).toBe(days.length);
      expect(lines.map(({ message }) => message.seq)).toEqual(all.map((_, index) => index + 1));
    }),
  );
});

test('messages of one side within five minutes form a run; the other side, a pause, a day and "New" end it', () => {
  const minute = 60_000;
  const runs = (messages: readonly Message[], firstNew: number | null = null): string =>
    linesOf(messages, firstNew)
      .map(({ message, run, ends }) => `${run === message.seq ? '<' : ''}-${ends ? '>' : ''}`)
      .join('');
  expect(runs([])).toBe('');
  expect(runs([said(NOON, 1), said(NOON + minute, 2), said(NOON + 2 * minute, 3)])).toBe('<--->');
  expect(runs([said(NOON, 1), said(NOON, 2, true)])).toBe('<-><->');
  expect(runs([said(NOON, 1), said(NOON + 5 * minute, 2)])).toBe('<-><->');
  expect(runs([said(NOON, 1), said(NOON + minute, 2)], 2)).toBe('<-><->');
  const midnight = NOON + DAY_MS / 2;
  expect(runs([said(midnight - 1, 1), said(midnight, 2)])).toBe('<-><->');
});
