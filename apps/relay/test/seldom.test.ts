import { afterEach, expect, test, vi } from 'vitest';
import { Seldom } from '../src/seldom.js';

afterEach(() => void vi.useRealTimers());

test('logs a frequent event once a minute with its count, whatever the wall clock', () => {
  vi.useFakeTimers();
  const told: number[] = [];
  const seldom = new Seldom((count) => told.push(count));
  for (let second = 0; second < 121; second++) {
    seldom.note();
    if (second % 10 === 0) vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(1_000);
  }
  expect(told).toEqual([1, 60, 60]);
});
