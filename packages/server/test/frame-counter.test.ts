import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameCounter } from '../src/adapters/frame-counter.js';

interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: number;
}
function encoded({ opcode, fin, masked, payload }: Frame): Buffer {
  const short = payload < 126 ? payload : payload < 65_536 ? 126 : 127;
  const length = Buffer.alloc(short < 126 ? 0 : short === 126 ? 2 : 8);
  if (short === 126) length.writeUInt16BE(payload);
  if (short === 127) length.writeBigUInt64BE(BigInt(payload));
  const head = Buffer.of((fin ? 0x80 : 0) | opcode, (masked ? 0x80 : 0) | short);
  // 0xff all over: a payload that is taken for a head is noticed.
  return Buffer.concat([head, length, Buffer.alloc((masked ? 4 : 0) + payload, 0xff)]);
}
const isControl = ({ opcode }: Frame): boolean => opcode >= 8;
const frame: fc.Arbitrary<Frame> = fc
  .record({
    opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
    fin: fc.boolean(),
    masked: fc.boolean(),
    payload: fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(125, 126, 127, 65_535, 65_536)),
  })
  .map((one) => (one.opcode >= 8 ? { ...one, fin: true, payload: one.payload % 126 } : one));

test('control frames and fragments are counted for any chunk boundaries', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, sizes) => {
      const bytes = Buffer.concat(frames.map(encoded));
      const counter = new FrameCounter();
      for (let at = 0, i = 0; at < bytes.length; i++) {
        // Mostly a few bytes at a time, now and then many.
        const size = (sizes[i % sizes.length] ?? 1) * (i % 7 === 6 ? 40_000 : 1);
        counter.read(bytes.subarray(at, at + size));
        at += size;
      }
      const counted = frames.filter((one) => isControl(one) || !one.fin);
      const sizeOf = (one: Frame): number => encoded(one).length - (isControl(one) ? 0 : one.payload);
      expect(counter.frames).toBe(counted.length);
      expect(counter.bytes).toBe(counted.reduce((sum, one) => sum + sizeOf(one), 0));
    }),
    { numRuns: 300 },
  );
});

test('whole messages are not counted', () => {
  const counter = new FrameCounter();
  for (const payload of [0, 125, 126, 65_535, 65_536])
    counter.read(encoded({ opcode: 2, fin: true, masked: true, payload }));
  expect([counter.frames, counter.bytes]).toEqual([0, 0]);
});

test('after a reset it counts anew', () => {
  const counter = new FrameCounter();
  for (const payload of [5, 7]) {
    counter.read(encoded({ opcode: 9, fin: true, masked: true, payload }));
    expect([counter.frames, counter.bytes]).toEqual([1, 6 + payload]);
    counter.reset();
  }
});
