import { concatBytes, encodeHex } from '@sws/crypto';
import { expect, test } from 'vitest';
import type { plaintextVectors } from '../../scripts/make-vectors/plaintexts.js';
import { decodeControl, encodeControl } from '../../src/channel/control.js';
import { decodeData, encodeData, encodeItems, OPCODE } from '../../src/channel/data.js';
import { paddedLength, padme } from '../../src/channel/padding.js';
import { decodeAcceptPayload, decodeOpenPayload, encodePayload } from '../../src/channel/payload.js';
import { encodeUtf8 } from '../../src/utf8.js';
import { readVectors, unhex } from './read-vectors.js';

const vectors = readVectors<ReturnType<typeof plaintextVectors>>('plaintexts.json');

test.each(vectors.padding)('$length bytes are padded to $padded', ({ length, padme: expected, padded }) => {
  expect([padme(length), paddedLength(length, 'padme'), paddedLength(length, 'none')]).toEqual([
    expected,
    padded,
    length,
  ]);
});

test.each(vectors.data.valid)('DATA: $name', ({ opcode, fin, bytes, padding, plaintext }) => {
  expect(encodeHex(encodeData(opcode, fin, unhex(bytes), padding))).toBe(plaintext);
  const decoded = decodeData(unhex(plaintext));
  expect(decoded.ok && { ...decoded.value, bytes: encodeHex(decoded.value.bytes) }).toEqual({
    opcode,
    fin,
    bytes,
    next: 0,
  });
});

test.each(vectors.data.together)('DATA of several messages: $name', ({ messages, padding, plaintext }) => {
  const items = messages.map(({ text, binary }) => ({
    opcode: text === undefined ? OPCODE.binary : OPCODE.text,
    fin: true,
    bytes: text === undefined ? unhex(binary ?? '') : encodeUtf8(text),
  }));
  expect(encodeHex(encodeItems(items, padding))).toBe(plaintext);
  let at = 0;
  for (const [index, { opcode, bytes }] of items.entries()) {
    const decoded = decodeData(unhex(plaintext), at);
    if (!decoded.ok) throw new Error(decoded.failure.detail);
    at = decoded.value.next;
    expect(decoded.value).toMatchObject({ opcode, fin: true, bytes });
    expect(at === 0).toBe(index === items.length - 1);
  }
});

test.each(vectors.data.largest)('DATA that must be taken: $name', ({ plaintext, zeros, items }) => {
  const whole = concatBytes(unhex(plaintext), new Uint8Array(zeros));
  let taken = 0;
  for (let at = 0; at > 0 || taken === 0; taken++) {
    const decoded = decodeData(whole, at);
    if (!decoded.ok) throw new Error(decoded.failure.detail);
    at = decoded.value.next;
  }
  expect(taken).toBe(items);
});

test.each(vectors.data.invalid)('DATA that breaks the rules: $name', ({ plaintext, zeros = 0, failure }) => {
  const whole = concatBytes(unhex(plaintext), new Uint8Array(zeros));
  let decoded = decodeData(whole);
  while (decoded.ok && decoded.value.next > 0) decoded = decodeData(whole, decoded.value.next);
  expect(decoded.ok ? 'taken' : decoded.failure.code).toBe(failure);
});

test.each(vectors.control.valid)('CONTROL: $plaintext', ({ plaintext, ...control }) => {
  expect(encodeHex(encodeControl(control))).toBe(plaintext);
  expect(decodeControl(unhex(plaintext))).toEqual(control);
});

test.each(vectors.control.invalid)('CONTROL that breaks the rules: $name', ({ plaintext }) => {
  expect(decodeControl(unhex(plaintext))).toBeNull();
});

test.each(vectors.payloads.open)('OPEN payload: $payload.resource', ({ payload, plaintext }) => {
  expect(encodeHex(encodePayload(payload))).toBe(plaintext);
  expect(decodeOpenPayload(unhex(plaintext))).toEqual(payload);
});

test.each(vectors.payloads.read)('OPEN payload of another program: $name', ({ payload, plaintext }) => {
  expect(decodeOpenPayload(unhex(plaintext))).toEqual(payload);
});

test.each(vectors.payloads.accept)('ACCEPT payload: "$payload.protocol"', ({ payload, plaintext }) => {
  expect(encodeHex(encodePayload(payload))).toBe(plaintext);
  expect(decodeAcceptPayload(unhex(plaintext))).toEqual(payload);
});

test.each(vectors.payloads.invalidOpen)('not an OPEN payload: $name', ({ plaintext }) => {
  expect(decodeOpenPayload(unhex(plaintext))).toBeNull();
});

test.each(vectors.payloads.invalidAccept)('not an ACCEPT payload: $name', ({ plaintext }) => {
  expect(decodeAcceptPayload(unhex(plaintext))).toBeNull();
});
