import { afterEach, expect, test, vi } from 'vitest';
import { Router } from '../src/index.js';
import { RateLimits } from '../src/rate-limits.js';

const RATE = { messagesPerSecond: 100, bytesPerSecond: 10_000 };
const NONE = { messagesPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };

const made: RateLimits[] = [];
afterEach(() => {
  for (const limits of made.splice(0)) limits.close();
  vi.useRealTimers();
});

/** Limits that are closed after the test. */
function limitsOf(...rates: ConstructorParameters<typeof RateLimits>): RateLimits {
  const limits = new RateLimits(...rates);
  made.push(limits);
  return limits;
}
const meterOfKey = () => limitsOf(RATE, NONE).meter('key', null);

test('a bucket allows two seconds’ worth at once, then the rate: in messages', () => {
  const meter = meterOfKey();
  for (let i = 0; i < 200; i++) meter.charge(1, 0);
  expect(meter.waitMs(0)).toBe(0);
  meter.charge(1, 0);
  expect(meter.waitMs(0)).toBeCloseTo(10);
  expect(meter.waitMs(10)).toBe(0);
});

test('a bucket limits bytes too; the stricter limit counts', () => {
  const meter = meterOfKey();
  meter.charge(25_000, 0);
  expect(meter.waitMs(0)).toBeCloseTo(500);
});

test('the clients of one address share its rate; another address has its own', () => {
  const limits = limitsOf(NONE, RATE);
  const [a, b, c] = [limits.meter('a', 'n1'), limits.meter('b', 'n1'), limits.meter('c', 'n2')];
  for (let i = 0; i < 300; i++) (i % 2 === 0 ? a : b).charge(1, 0);
  c.charge(1, 0);
  expect([a.waitMs(0) > 0, b.waitMs(0) > 0, c.waitMs(0)]).toEqual([true, true, 0]);
});

test('reconnecting does not refill a bucket, and full buckets are forgotten', () => {
  const limits = limitsOf(RATE, NONE);
  const first = limits.meter('key', null);
  for (let i = 0; i < 300; i++) first.charge(1, 0);
  const again = limits.meter('key', null);
  again.charge(1, 0);
  expect(again.waitMs(0)).toBeGreaterThan(1_000);
  limits.forgetFull(2_000);
  expect(limits.size).toBe(1);
  limits.forgetFull(10_000);
  expect(limits.size).toBe(0);
  // Both hold the forgotten bucket: they must meet in the new one.
  for (let i = 0; i < 150; i++) {
    first.charge(1, 10_000);
    again.charge(1, 10_000);
  }
  expect(first.waitMs(10_000)).toBeGreaterThan(0);
});

test('each client gets its rate, and each address ten times as much', async () => {
  vi.useFakeTimers();
  const router = new Router({ limits: { messagesPerSecond: 10 } });
  const admit = async (key: string) => {
    const admission = await router.admit(key, 0, { network: '192.0.2.1' });
    if (!admission.ok) throw new Error('refused');
    if (admission.meter === undefined) throw new Error('no meter');
    return admission.meter;
  };
  const meters = await Promise.all(Array.from({ length: 11 }, (_, i) => admit(`${i}`)));
  const now = performance.now();
  for (const meter of meters) for (let i = 0; i < 20; i++) meter.charge(1, now);
  expect(meters.every((meter) => meter.waitMs(now) > 0)).toBe(true);
  router.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('the debt of a sender over its rate is at most a minute, in messages and bytes', () => {
  for (const [bytes, messages] of [
    [1, 1_000_000],
    [1e9, 1],
  ] as const) {
    const limits = limitsOf(RATE, RATE);
    const meter = limits.meter('key', '192.0.2.1');
    meter.charge(bytes, 0, messages);
    expect(meter.waitMs(0)).toBe(60_000);
    expect(meter.waitMs(59_000)).toBe(1_000);
  }
});

test('many frames at once count as that many messages', () => {
  const meter = meterOfKey();
  meter.charge(0, 0, 200);
  expect(meter.waitMs(0)).toBe(0);
  meter.charge(0, 0, 50);
  expect(meter.waitMs(0)).toBeCloseTo(500);
});

test('full buckets are removed every ten seconds', () => {
  vi.useFakeTimers();
  const limits = limitsOf(RATE, NONE);
  limits.meter('key', null).charge(1, performance.now());
  expect(limits.size).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(limits.size).toBe(0);
});
