import { readFileSync } from 'node:fs';
import { Identity } from '@sws/client';
import { decodeHex } from '@sws/crypto';
import { expect, test } from 'vitest';
import { CHAT_PROTOCOL, decodeChatMessage, type Move } from '../src/chat-protocol.js';
import { FILE_PROTOCOL, readFileResource, readStored } from '../src/file-protocol.js';
import { isMoveTo, signMove } from '../src/move.js';

interface ChatVectors {
  readonly protocol: string;
  readonly valid: readonly { readonly name: string; readonly text: string; readonly message: unknown }[];
  readonly ignored: readonly { readonly name: string; readonly text: string }[];
  readonly move: {
    readonly oldSeed: string;
    readonly to: string;
    readonly move: Move;
    readonly invalid: readonly { readonly name: string; readonly move: Move; readonly to: string }[];
  };
}
interface FileVectors {
  readonly protocol: string;
  readonly resources: readonly { readonly resource: string; readonly asks: unknown }[];
  readonly stored: readonly { readonly text: string; readonly bytes: number | null }[];
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}
const chat = read<ChatVectors>('chat.json');
const file = read<FileVectors>('file.json');

test('the subprotocols match the vectors', () => {
  expect([CHAT_PROTOCOL, FILE_PROTOCOL]).toEqual([chat.protocol, file.protocol]);
});

test.each(chat.valid)('understands $name', ({ text, message }) => {
  expect(decodeChatMessage(text)).toEqual(message);
});

test.each(chat.ignored)('ignores $name', ({ text }) => {
  expect(decodeChatMessage(text)).toBeNull();
});

test('a move is signed as the vector says, and announces that address', () => {
  const { oldSeed, to, move } = chat.move;
  expect(signMove(Identity.fromSeed(decodeHex(oldSeed) ?? new Uint8Array(0)), to)).toEqual(move);
  expect(isMoveTo(move, to)).toBe(true);
});

test.each(chat.move.invalid)('a move does not announce: $name', ({ move, to }) => {
  expect(isMoveTo(move, to)).toBe(false);
});

test.each(file.resources)('$resource', ({ resource, asks }) => {
  expect(readFileResource(resource)).toEqual(asks);
});

test.each(file.stored)('"$text" bytes are stored', ({ text, bytes }) => {
  expect(readStored(text)).toBe(bytes);
});
