import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { monotonicNow, SleepWatch } from '../src/clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('intervals do not change when the wall clock steps', () => {
  const from = monotonicNow();
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(10);
  expect(monotonicNow() - from).toBe(10);
});

test('a wall clock that gained 5 s since the last call means sleep, once; one behind means nothing', () => {
  const watch = new SleepWatch();
  const step = (ms: number): boolean => {
    vi.advanceTimersByTime(60_000);
    vi.setSystemTime(Date.now() + ms);
    return watch.slept(performance.now());
  };
  const steps = [0, 4_999, 4_999, 5_000, 0, -3_600_000, 5_000, 4_999, 3_600_000, 0];
  expect(steps.map(step)).toEqual([false, false, false, true, false, false, true, false, true, false]);
});
