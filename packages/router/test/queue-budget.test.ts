import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Router } from '../src/index.js';
import { QUEUED_COST_BYTES, QueueBudget } from '../src/queue-budget.js';
import { MAX_QUEUED_BYTES, ReceiverQueue } from '../src/receiver-queue.js';
import { A, register } from './fake-socket.js';

const MIB = 1_048_576;
const MESSAGE = 65_536;
const keyOf = (n: number): string => `${n.toString(16).padStart(62, '0')}00`;

/** Gives a receiver of `network` all that it takes from many senders. */
function flood(budget: QueueBudget, network: string | null): ReceiverQueue {
  const queue = new ReceiverQueue(budget.address(network));
  for (let sender = 0; sender < 100; sender++) while (queue.tryReserve(`s${sender}`, MESSAGE) === null);
  return queue;
}

test('150 silent receivers of one address queue at most 64 MiB, and one more still gets a window', () => {
  const budget = new QueueBudget();
  for (let i = 0; i < 150; i++) flood(budget, '192.0.2.1');
  expect(budget.bytes).toBeGreaterThan(60 * MIB);
  expect(budget.bytes).toBeLessThanOrEqual(64 * MIB);
  const reads = new ReceiverQueue(budget.address('192.0.2.1'));
  expect(reads.tryReserve('sender', MESSAGE - QUEUED_COST_BYTES)).toBeNull();
});

test('silent receivers at 1,000 addresses queue at most 512 MiB, and one more address still gets a window', () => {
  const budget = new QueueBudget();
  for (let i = 0; i < 1_000; i++) for (let j = 0; j < 8; j++) flood(budget, `2001:db8:0:${i}`);
  expect(budget.bytes).toBeGreaterThan(500 * MIB);
  expect(budget.bytes).toBeLessThanOrEqual(512 * MIB);
  const reads = new ReceiverQueue(budget.address('198.51.100.1'));
  expect(reads.tryReserve('sender', MESSAGE - QUEUED_COST_BYTES)).toBeNull();
});

test('receivers of an unknown address share only the node’s limit', () => {
  const budget = new QueueBudget(16 * MIB, MIB);
  for (let i = 0; i < 10; i++) flood(budget, null);
  expect(budget.bytes).toBeGreaterThan(15 * MIB);
  expect(budget.bytes).toBeLessThanOrEqual(16 * MIB);
});

test.each([
  ['their address', 512 * MIB, 2 * MIB],
  ['the node', 64 * MIB, 0.8 * MIB],
])('receivers that start at different times end with equal shares of %s’s limit', (_, bytes, least) => {
  const budget = new QueueBudget(bytes, 64 * MIB);
  const queues = Array.from({ length: 20 }, () => new ReceiverQueue(budget.address('192.0.2.1')));
  // Each is written from now and then and filled again at once, by as many senders as it takes.
  for (let round = 0; round < 400; round++)
    for (const queue of queues) {
      queue.release(3);
      for (let sender = 0; sender < 30; sender++) while (queue.tryReserve(`s${sender}`, MESSAGE) === null);
    }
  const shares = queues.map(({ bytes }) => bytes);
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(4 * MESSAGE);
  expect(Math.min(...shares)).toBeGreaterThan(least);
});

test('the address queue follows PROTOCOL §3 in every order', () => {
  const [max, maxPerAddress, least] = [4 * MIB, 1.5 * MIB, 65_536];
  const step = fc.record({
    network: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    receiver: fc.constantFrom(0, 1, 2),
    bytes: fc.integer({ min: -300_000, max: 300_000 }), // below 0: written
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const budget = new QueueBudget(max, maxPerAddress);
      const waiting = new Map<string, number>();
      const of = (start: string): number =>
        [...waiting].reduce((sum, [name, bytes]) => sum + (name.startsWith(start) ? bytes : 0), 0);
      for (const { network, receiver, bytes } of steps) {
        const name = `${network}${receiver}`;
        const [own, ofAddress, all] = [waiting.get(name) ?? 0, of(network), of('')];
        if (bytes < 0) {
          const written = Math.min(own, -bytes);
          budget.address(network).release(written);
          waiting.set(name, own - written);
          continue;
        }
        const part = Math.min(maxPerAddress, Math.max(least, (max - (all - ofAddress)) / 3));
        const fits =
          own + bytes <= Math.max(least, (part - ofAddress) / 2) && ofAddress + bytes <= part && all + bytes <= max;
        expect(budget.address(network).tryReserve(own, bytes) === null).toBe(fits);
        if (fits) waiting.set(name, own + bytes);
      }
      expect(budget.bytes).toBe(of(''));
    }),
    { numRuns: 500 },
  );
});

test('a small MESSAGE is charged for the memory it holds, not only its bytes', () => {
  const budget = new QueueBudget();
  const queue = new ReceiverQueue(budget.address('192.0.2.1'));
  for (let i = 0; i < 1_000; i++) queue.tryReserve('sender', 33);
  expect([queue.bytes, budget.bytes]).toEqual([33_000, 289_000]);
  queue.release(1_000);
  expect(budget.bytes).toBe(0);
});

test('a single receiver can queue at most 8 MiB', () => {
  const budget = new QueueBudget();
  expect(flood(budget, '192.0.2.1').bytes).toBe(MAX_QUEUED_BYTES);
});

test('a router forgets an address when its receivers are gone and its queue is empty', async () => {
  const router = new Router({ maxQueuedBytes: MIB, maxQueuedBytesPerAddress: 131_072 });
  const sender = await register(router, A, 0, '198.51.100.1');
  const receivers = [];
  for (let i = 1; i <= 3; i++) receivers.push(await register(router, keyOf(i), 0, '192.0.2.1'));
  for (const receiver of receivers) for (let i = 0; i < 3; i++) sender.send(receiver.publicKey, new Uint8Array(40_000));
  expect(router.counters.queueFull).toEqual({ receiver: 0, address: 6, node: 0 });
  expect(router.queuedBytes).toBe(3 * (40_033 + QUEUED_COST_BYTES));
  for (const receiver of receivers) receiver.close({ code: 'normal', detail: '' });
  // Their sockets hold it until it is written or dropped.
  expect(router.queuedBytes).toBe(3 * (40_033 + QUEUED_COST_BYTES));
  for (const receiver of receivers) receiver.onwritten?.(1);
  expect(router.queuedBytes).toBe(0);
});

test('a key that registers repeatedly holds no more memory than one that stays', async () => {
  const router = new Router({ maxQueuedBytesPerAddress: 1 * MIB });
  const sender = await register(router, A, 0, '198.51.100.1');
  for (let i = 0; i < 50; i++) {
    const receiver = await register(router, keyOf(1), 0, '192.0.2.1');
    for (let j = 0; j < 30; j++) sender.send(receiver.publicKey, new Uint8Array(60_000));
    expect(router.queuedBytes).toBeLessThanOrEqual(1 * MIB);
  }
  expect(router.counters.queueFull.address).toBeGreaterThan(1_000);
});

test('the budget forgets an address without receivers and bytes', () => {
  const budget = new QueueBudget();
  for (let i = 0; i < 1_000; i++) {
    const address = budget.address(`n${i}`);
    address.enter();
    const queue = new ReceiverQueue(address);
    queue.tryReserve('sender', 100);
    if (i % 2 === 0) queue.release(1);
    address.leave();
    queue.release(1);
  }
  expect([budget.addresses, budget.bytes]).toEqual([0, 0]);
});

test('a limit too small for one MESSAGE is refused, naming the option', () => {
  expect(() => new Router({ maxQueuedBytes: 65_535 })).toThrow(
    'maxQueuedBytes must be at least 65536 bytes, got 65535',
  );
  expect(() => new Router({ maxQueuedBytesPerAddress: Number.NaN })).toThrow('maxQueuedBytesPerAddress must be');
});
