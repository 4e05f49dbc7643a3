import type { Endpoint } from '@sws/client';
import { afterEach, expect, test, vi } from 'vitest';
import { CLOSE_UNREADABLE } from '../src/file-protocol.js';
import { Files, type FilesHost } from '../src/files.js';
import { type Message, newMessage } from '../src/history.js';

afterEach(() => {
  vi.useRealTimers();
});

/** A channel for a file, which its other end closes at once. */
class Closing extends EventTarget {
  readonly readyState = 3;

  constructor(code: number) {
    super();
    queueMicrotask(() => this.dispatchEvent(Object.assign(new Event('close'), { code })));
  }

  close(): void {}
}

/** The files of a conversation whose peer closes the channel of each as told; and how often each was asked for. */
function filesOf(codes: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const messages = new Map<string, Message>(
    Object.keys(codes).map((letter, index) => {
      const id = letter.repeat(32);
      const file = { name: letter, size: 9, mime: 'a/b', state: 'wanted' } as const;
      return [id, { ...newMessage('c'), id, mine: false, seq: index + 1, file }];
    }),
  );
  const host = {
    contact: 'c',
    address: 'a',
    announce: () => {},
    presence: () => 'online',
    endpoint: {
      connect: (_peer: string, { resource }: { resource: string }) => {
        asked.push(resource[1] ?? '');
        return new Closing(codes[resource[1] ?? ''] ?? 0);
      },
    } as unknown as Endpoint,
    history: {
      pending: async () => [...messages.values()].filter(({ file }) => file?.state === 'wanted'),
      find: async (_contact: string, id: string) => messages.get(id) ?? null,
    },
    files: { writer: async () => ({ size: 0, close: async () => {} }) },
    replace: async (message: Message) => void messages.set(message.id, message),
  } as unknown as FilesHost;
  return { files: new Files(host), asked, state: (letter: string) => messages.get(letter.repeat(32))?.file?.state };
}

test('a file that makes no progress fails after five tries, and does not delay others', async () => {
  vi.useFakeTimers();
  const { files, asked, state } = filesOf({ a: 1_006, b: 4_999, c: 4_004, d: CLOSE_UNREADABLE });
  files.resume();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.join('')).toBe('abcdabababab');
  expect(['a', 'b', 'c', 'd'].map(state)).toEqual(['failed', 'failed', 'withdrawn', 'failed']);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked.length).toBe(12);
});
