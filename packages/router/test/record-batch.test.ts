import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import {
  FIRST_OWN_KIND,
  MAX_RECORD_BYTES,
  RecordBatch,
  type RecordReader,
  RecordStream,
  readRecords,
} from '../src/index.js';

const TO = 'b2'.repeat(32);
const FROM = 'a1'.repeat(32);

class Heard implements RecordReader {
  readonly all: unknown[] = [];
  message(to: string, message: Uint8Array): void {
    this.all.push(['message', to, [...message]]);
  }
  undeliverable(to: string, from: string, head: Uint8Array, code: string): void {
    this.all.push(['undeliverable', to, from, [...head], code]);
  }
  own(kind: number, body: Uint8Array): boolean {
    this.all.push(['own', kind, [...body]]);
    return kind !== 255;
  }
}
const messageOf = (bytes: number): Uint8Array => new Uint8Array(33 + bytes).fill(7);

afterEach(() => void vi.useRealTimers());

test('records of one turn are sent together, in order, and parse back', async () => {
  const sent: Uint8Array[] = [];
  const batch = new RecordBatch((parts) => sent.push(Buffer.concat(parts)), {
    kind: FIRST_OWN_KIND,
    body: new Uint8Array([9]),
  });
  const head = new Uint8Array([1, 2, 3]);
  batch.message(TO, messageOf(1));
  batch.undeliverable(TO, FROM, head, 'congested');
  head.fill(0); // its owner may go on with it
  batch.own(20, new Uint8Array(0));
  const { bytes } = batch;
  expect(sent).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.map(({ length }) => length)).toEqual([bytes]);
  const heard = new Heard();
  expect(readRecords(sent[0] ?? new Uint8Array(0), heard)).toBe(bytes);
  expect(heard.all).toEqual([
    ['own', FIRST_OWN_KIND, [9]],
    ['message', TO, [...messageOf(1)]],
    ['undeliverable', TO, FROM, [1, 2, 3], 'congested'],
    ['own', 20, []],
  ]);
  batch.message(TO, messageOf(2));
  batch.flush();
  batch.message(TO, messageOf(3));
  batch.clear();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.length).toBe(2); // what was dropped is not sent, and what was flushed is not sent again
});

test('whole records are read from a stream cut anywhere', () => {
  let stream = new Uint8Array(0);
  const batch = new RecordBatch((parts) => {
    stream = new Uint8Array(Buffer.concat(parts));
  });
  for (let i = 0; i < 5; i++) batch.message(TO, messageOf(i));
  batch.flush();
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const heard = new Heard();
      const read = new RecordStream(heard);
      const at = [0, ...cuts.sort((x, y) => x - y), stream.length];
      at.forEach((from, i) => {
        expect(read.read(stream.slice(from, at[i + 1] ?? from))).toBe(true);
      });
      expect(heard.all).toEqual(Array.from({ length: 5 }, (_, i) => ['message', TO, [...messageOf(i)]]));
    }),
  );
});

test('an invalid record ends the reading without a record', () => {
  const record = (kind: number, length: number, body: readonly number[]): Uint8Array => {
    const bytes = new Uint8Array(5 + body.length);
    bytes[0] = kind;
    new DataView(bytes.buffer).setUint32(1, length);
    bytes.set(body, 5);
    return bytes;
  };
  const zeros = (count: number): number[] => Array(count).fill(0);
  const heard = new Heard();
  for (const bytes of [
    record(0, 0, []),
    record(3, 0, []),
    record(1, 64, zeros(64)), // a MESSAGE has at least its type and a key
    record(2, 64, zeros(64)),
    record(2, 66, [...zeros(64), 99, 0]),
    record(2, 91, [...zeros(90), 0]),
    record(16, MAX_RECORD_BYTES + 1, []),
  ]) {
    expect(readRecords(bytes, heard)).toBe(-1);
    const stream = new RecordStream(heard);
    expect([...bytes].every((byte) => stream.read(new Uint8Array([byte])))).toBe(false);
  }
  expect(heard.all).toEqual([]);
  expect(readRecords(record(255, 0, []), heard)).toBe(-1);
});
