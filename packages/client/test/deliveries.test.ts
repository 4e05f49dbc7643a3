import { expect, test } from 'vitest';
import { Deliveries } from '../src/deliveries.js';

/** A promise with the word for how it stands. */
function watched(promise: Promise<void>): { state: 'waits' | 'resolved' | 'rejected' } {
  const seen: { state: 'waits' | 'resolved' | 'rejected' } = { state: 'waits' };
  promise.then(
    () => {
      seen.state = 'resolved';
    },
    () => {
      seen.state = 'rejected';
    },
  );
  return seen;
}

test('each wait settles when its message is acknowledged', async () => {
  const deliveries = new Deliveries();
  const waits = [1, 2, 3].map((after) => watched(deliveries.wait(after)));
  const states = async () => {
    await Promise.resolve();
    return waits.map(({ state }) => state);
  };
  deliveries.acknowledge(1);
  expect(await states()).toEqual(['resolved', 'waits', 'waits']);
  deliveries.acknowledge(2);
  expect(await states()).toEqual(['resolved', 'resolved', 'waits']);
  expect(deliveries.acknowledged).toBe(2);
  deliveries.fail(new Error('closed'));
  expect(await states()).toEqual(['resolved', 'resolved', 'rejected']);
  const later = watched(deliveries.wait(4));
  deliveries.acknowledge(4);
  await Promise.resolve();
  expect(later.state).toBe('resolved');
});
