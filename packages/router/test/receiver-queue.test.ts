import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QueueBudget } from '../src/queue-budget.js';
import { MAX_QUEUED_BYTES, ReceiverQueue } from '../src/receiver-queue.js';

const MIB = 1_048_576;

test('a single sender always gets 1 MiB of a queue; many senders get less each', () => {
  const queue = new ReceiverQueue(new QueueBudget().address('192.0.2.1'));
  let alone = 0;
  while (queue.tryReserve('a', 65_536) === null) alone += 65_536;
  expect(alone).toBeGreaterThan(MIB);
  let others = 0;
  for (let i = 0; i < 1_000; i++) if (queue.tryReserve(`s${i}`, 65_536) === null) others++;
  expect(others).toBeGreaterThan(20);
  expect(queue.bytes).toBeLessThanOrEqual(MAX_QUEUED_BYTES);
});

test('the receiver queue follows PROTOCOL §3 in every order', () => {
  const senders = ['a', 'b', 'c'] as const;
  const step = fc.oneof(
    fc.record({ from: fc.constantFrom(...senders), bytes: fc.integer({ min: 33, max: MIB }) }),
    fc.record({ written: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ReceiverQueue(new QueueBudget().address('192.0.2.1'));
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
          expect(queue.tryReserve(one.from, one.bytes)).toBe(fits ? null : 'receiver');
          if (fits) model.push(one);
        }
        expect(queue.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
      }
    }),
  );
});

test('a sender gets one BACKLOG at three eighths of its share, and another after half has drained', () => {
  const queue = new ReceiverQueue(new QueueBudget().address('192.0.2.1'));
  const told: number[] = [];
  const fill = (bytes: number): void => {
    while (queue.bytes < bytes) {
      queue.tryReserve('a', 32_768);
      if (queue.isBacklog) told.push(queue.bytes);
    }
  };
  fill(MIB);
  expect(told).toHaveLength(1);
  // x = 3/8 of (4 MiB - x) / 2.
  expect(told[0]).toBeGreaterThan(0.6 * MIB);
  expect(told[0]).toBeLessThan(0.7 * MIB);
  queue.release(10);
  fill(MIB);
  expect(told).toHaveLength(1);
  queue.release(28);
  fill(0.9 * MIB);
  expect(told).toHaveLength(2);
  queue.tryReserve('b', 32_768);
  expect(queue.isBacklog).toBe(false);
});

test('thousands of senders over time leave no memory behind', () => {
  const queue = new ReceiverQueue(new QueueBudget().address('192.0.2.1'));
  queue.tryReserve('stays', 100);
  for (let i = 0; i < 10_000; i++) {
    queue.tryReserve(`s${i}`, 100);
    queue.release(1);
  }
  expect(queue.bytes).toBe(100);
  expect(queue.senders).toBeLessThanOrEqual(130);
});

test('another sender gets 64 KiB, however many share the queue', () => {
  const queue = new ReceiverQueue(new QueueBudget().address('192.0.2.1'));
  for (let i = 0; i < 80; i++) queue.tryReserve(`s${i}`, 65_000);
  expect(queue.bytes).toBeGreaterThan(4 * MIB);
  expect(queue.tryReserve('another', 65_536)).toBeNull();
  expect(queue.tryReserve('another', 33)).toBe('receiver');
});
