import { encodeHex } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import type { frameVectors } from '../../scripts/make-vectors/frames.js';
import {
  decodeClientFrame,
  decodeMessage,
  decodeRelayFrame,
  encodeFrame,
  encodeMessage,
  type Result,
} from '../../src/index.js';
import { readVectors, unhex } from './read-vectors.js';

const vectors = readVectors<ReturnType<typeof frameVectors>>('frames.json');

/** What was read, as the vectors write it: contents in hex. */
function written(result: Result<object>): unknown {
  if (!result.ok) return result.failure.code;
  const frame: Record<string, unknown> = { ...result.value };
  return frame.content instanceof Uint8Array ? { ...frame, content: encodeHex(frame.content) } : frame;
}

describe.each([
  ['a relay', vectors.client, decodeClientFrame],
  ['a client', vectors.relay, decodeRelayFrame],
] as const)('%s', (_who, { valid, invalid }, decode) => {
  test.each(valid)('reads $name', ({ text, frame }) => {
    const result = decode(text);
    expect(written(result)).toEqual(frame);
    if (result.ok && result.value.type !== 'UNKNOWN') expect(written(decode(encodeFrame(result.value)))).toEqual(frame);
  });

  test.each(invalid)('refuses $name', ({ text, failure }) => {
    expect(written(decode(text))).toBe(failure);
  });
});

test.each(vectors.messages)('a MESSAGE in both encodings: $name', (vector) => {
  const content = unhex(vector.content);
  const { from, to, toRelay, fromRelay } = vector;
  expect(encodeHex(encodeMessage(unhex(to), content))).toBe(toRelay.binary);
  expect(encodeHex(encodeMessage(unhex(from), content))).toBe(fromRelay.binary);
  expect(encodeFrame({ type: 'MESSAGE', to, content })).toBe(toRelay.json);
  expect(encodeFrame({ type: 'MESSAGE', to, from, content })).toBe(fromRelay.json);
  expect(written(decodeMessage(unhex(fromRelay.binary)))).toMatchObject({ content: vector.content });
  expect(written(decodeRelayFrame(fromRelay.json))).toMatchObject({ from, to, content: vector.content });
});

test.each(vectors.invalidBinary)('not a binary MESSAGE: $name', ({ message, failure }) => {
  expect(written(decodeMessage(unhex(message)))).toBe(failure);
});
