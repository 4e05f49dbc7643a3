import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_QUEUED_BYTES, ReceiverQueue } from '../src/receiver-queue.js';

const MIB = 1_048_576;

test('a queue is shared: one sender alone never lacks 1 MiB, many senders shrink each other', () => {
  const queue = new ReceiverQueue();
  let alone = 0;
  while (queue.take('a', 65_536)) alone += 65_536;
  expect(alone).toBeGreaterThan(MIB);
  let others = 0;
  for (let i = 0; i < 1_000; i++) if (queue.take(`s${i}`, 65_536)) others++;
  expect(others).toBeGreaterThan(20);
  expect(queue.bytes).toBeLessThanOrEqual(MAX_QUEUED_BYTES);
});

test('it takes and refuses as PROTOCOL §3 says, whatever the order', () => {
  const senders = ['a', 'b', 'c'] as const;
  const step = fc.oneof(
    fc.record({ from: fc.constantFrom(...senders), bytes: fc.integer({ min: 33, max: MIB }) }),
    fc.record({ written: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ReceiverQueue();
      const model: { from: string; bytes: number }[] = [];
      for (const one of steps) {
        if ('written' in one) {
          const count = Math.min(one.written, model.length);
          queue.release(count);
          model.splice(0, count);
        } else {
          const total = model.reduce((sum, { bytes }) => sum + bytes, 0);
          const own = model.filter(({ from }) => from === one.from).reduce((sum, { bytes }) => sum + bytes, 0);
          const fits =
            own + one.bytes <= Math.max(65_536, (4 * MIB - total) / 2) && total + one.bytes <= MAX_QUEUED_BYTES;
          expect(queue.take(one.from, one.bytes)).toBe(fits);
          if (fits) model.push(one);
        }
        expect(queue.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
      }
    }),
  );
});

test('thousands of senders over time leave nothing behind', () => {
  const queue = new ReceiverQueue();
  queue.take('stays', 100);
  for (let i = 0; i < 10_000; i++) {
    queue.take(`s${i}`, 100);
    queue.release(1);
  }
  expect(queue.bytes).toBe(100);
  expect(queue.senders).toBeLessThanOrEqual(130);
});
