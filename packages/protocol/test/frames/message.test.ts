// PROTOCOL §2: a client accepts WebSocket messages of up to 1,400,000 bytes.
import { expect, test } from 'vitest';
import { MAX_MAX_MESSAGE_BYTES, MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { encodeFrame } from '../../src/frames/relay-frames.js';
import { encodeUtf8 } from '../../src/utf8.js';

test('the largest MESSAGE in JSON has less than 1,400,000 bytes', () => {
  const content = new Uint8Array(MAX_MAX_MESSAGE_BYTES - MESSAGE_HEAD_BYTES);
  const key = 'a'.repeat(64);
  const { length } = encodeUtf8(encodeFrame({ type: 'MESSAGE', to: key, from: key, content }));
  expect(length).toBeLessThan(1_400_000);
  expect(length).toBeGreaterThan(1_398_000);
});
