import { readFileSync } from 'node:fs';
import { decodeHex, encodeHex } from '@sws/crypto';
import { expect, test } from 'vitest';
import { decodeOneLine, encodeOneLine, MESSAGE_PROTOCOL, NOT_JSON } from '../src/one-line-message.js';

interface Vectors {
  readonly offer: { readonly resource: string; readonly protocols: readonly string[] };
  readonly written: readonly { readonly name: string; readonly value: unknown; readonly text: string }[];
  readonly read: readonly { readonly name: string; readonly value: unknown; readonly text: string }[];
  readonly binary: readonly { readonly name: string; readonly bytes: string }[];
  readonly invalid: readonly { readonly name: string; readonly text: string; readonly close: unknown }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/messages.json', import.meta.url), 'utf8'));

test('offers the subprotocol of the vectors', () => {
  expect(vectors.offer).toEqual({ resource: '/', protocols: [MESSAGE_PROTOCOL] });
});

test.each(vectors.written)('writes and reads $name', ({ value, text }) => {
  expect(encodeOneLine(value)).toBe(text);
  expect(decodeOneLine(text)).toEqual({ value });
});

test.each(vectors.read)('reads $name', ({ value, text }) => {
  expect(decodeOneLine(text)).toEqual({ value });
});

test.each(vectors.binary)('carries $name', ({ bytes }) => {
  const given = decodeHex(bytes)?.buffer;
  expect(encodeOneLine(given)).toBe(given);
  const value = decodeOneLine(given)?.value;
  expect(value instanceof ArrayBuffer && encodeHex(new Uint8Array(value))).toBe(bytes);
});

test.each(vectors.invalid)('closes for $name', ({ text, close }) => {
  expect(decodeOneLine(text)).toBeNull();
  expect(NOT_JSON).toEqual(close);
});

test.each([undefined, () => {}, Symbol('s'), 1n])('refuses a value that is not JSON: %s', (value) => {
  expect(() => encodeOneLine(value)).toThrow(TypeError);
});
