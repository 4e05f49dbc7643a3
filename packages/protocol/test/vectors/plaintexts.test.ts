import { concatBytes, encodeHex } from '@sws/crypto';
import { expect, test } from 'vitest';
import type { plaintextVectors } from '../../scripts/make-vectors/plaintexts.js';
import { decodeControl, encodeControl } from '../../src/channel/control.js';
import { decodeData, encodeData } from '../../src/channel/data.js';
import { paddedLength, padme } from '../../src/channel/padding.js';
import { decodeAcceptPayload, decodeOpenPayload, encodePayload } from '../../src/channel/payload.js';
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
  expect(decoded.ok && { ...decoded.value, bytes: encodeHex(decoded.value.bytes) }).toEqual({ opcode, fin, bytes });
});

test.each(vectors.data.invalid)('DATA that breaks the rules: $name', ({ plaintext, zeros = 0, failure }) => {
  const decoded = decodeData(concatBytes(unhex(plaintext), new Uint8Array(zeros)));
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
