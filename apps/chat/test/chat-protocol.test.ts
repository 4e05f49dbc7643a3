import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ChatMessage,
  cleanName,
  decodeChatMessage,
  encodeChatMessage,
  MAX_STORED_IDS,
  MAX_TEXT_LENGTH,
} from '../src/chat-protocol.js';

const id = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
const at = fc.integer({ min: 1, max: 8_639_999_999_999_999 });
const messages: fc.Arbitrary<ChatMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    accepted: fc.boolean(),
    seen: fc.option(id),
    move: fc.constant(null),
    name: fc.constantFrom('', 'Dora', 'שירה'),
    says: fc.constantFrom('', 'Hi, Ben gave me your link.'),
  }),
  fc.record({ type: fc.constant('text' as const), id, at, text: fc.string({ unit: 'binary' }), reply: fc.option(id) }),
  fc.record({
    type: fc.constant('file' as const),
    id,
    at,
    text: fc.constantFrom('', 'The bay, this morning'),
    file: fc.record({
      name: fc.stringMatching(/^[a-z][a-z .]{0,20}[a-z]$/),
      size: fc.maxSafeNat(),
      mime: fc.constantFrom('image/png', 'text/plain', 'application/vnd.ms-excel'),
    }),
  }),
  fc.record({ type: fc.constant('stored' as const), ids: fc.array(id, { maxLength: MAX_STORED_IDS }) }),
  fc.record({ type: fc.constantFrom('retract' as const, 'seen' as const), id }),
  fc.constant({ type: 'typing' as const }),
);

test('pages understand each other’s messages', () => {
  fc.assert(
    fc.property(messages, (message) => {
      expect(decodeChatMessage(encodeChatMessage(message))).toEqual(message);
    }),
  );
});

/** JSON of the protocol's shape with anything at all in its fields. */
const hostile = fc.record(
  {
    type: fc.constantFrom('hello', 'text', 'file', 'stored', 'retract', 'seen', 'typing', 'constructor', '__proto__'),
    id: fc.oneof(id, fc.anything()),
    at: fc.oneof(at, fc.anything()),
    text: fc.anything(),
    accepted: fc.anything(),
    seen: fc.anything(),
    move: fc.anything(),
    ids: fc.oneof(fc.array(fc.oneof(id, fc.anything())), fc.anything()),
    name: fc.anything(),
    says: fc.anything(),
    reply: fc.anything(),
    file: fc.oneof(fc.anything(), fc.record({ name: fc.anything(), size: fc.anything(), mime: fc.anything() })),
  },
  { requiredKeys: ['type'] },
);

test('no input from a peer makes a page fail or accept a field it cannot show', () => {
  const anything = fc.oneof(
    fc.anything(),
    fc.string(),
    hostile.map((value) => {
      try {
        return JSON.stringify(value);
      } catch {
        return ''; // a value that JSON has no form for
      }
    }),
  );
  fc.assert(
    fc.property(anything, (data) => {
      const message = decodeChatMessage(data);
      if (message === null || message.type === 'hello' || message.type === 'typing') return;
      if (message.type === 'stored') {
        expect(message.ids.length).toBeLessThanOrEqual(MAX_STORED_IDS);
        return;
      }
      expect(message.id).toMatch(/^[0-9a-f]{32}$/);
      if (message.type === 'text' || message.type === 'file')
        expect(() => new Date(message.at).toISOString()).not.toThrow();
      if (message.type === 'text') expect(message.text.length).toBeLessThanOrEqual(MAX_TEXT_LENGTH);
      if (message.type !== 'file') return;
      expect(message.file.name).not.toBe('');
      expect(message.file.size).toBeGreaterThanOrEqual(0);
      expect(message.file.mime).toMatch(/^[\w.+-]+\/[\w.+-]+$/);
    }),
    { numRuns: 1_000 },
  );
});

test('a text over the limit is dropped', () => {
  const text = (length: number): string =>
    JSON.stringify({ type: 'text', id: 'ab'.repeat(16), at: 1, text: 'x'.repeat(length) });
  expect(decodeChatMessage(text(MAX_TEXT_LENGTH))).not.toBeNull();
  expect(decodeChatMessage(text(MAX_TEXT_LENGTH + 1))).toBeNull();
});

test.each([
  ['report.pdf', 'report.pdf'],
  ['../../etc/passwd', '.._.._etc_passwd'],
  ['C:\\boot.ini', 'C__boot.ini'],
  ['\u202egpj.exe', 'gpj.exe'],
  ['a\u0000b\nc\u200b.txt', 'abc.txt'],
  ['..', 'file'],
  ['', 'file'],
  [' \u2028 ', 'file'],
  ['\ud800.txt', '\ufffd.txt'],
  ['отчёт 2026 – 終.txt', 'отчёт 2026 – 終.txt'],
])('a file named %j is shown and saved as %j', (name, clean) => {
  expect(cleanName(name)).toBe(clean);
});
