import { describe, expect, test } from 'vitest';
import { carry } from './far-links/carry.js';
import type { Way } from './far-links/client.js';

const MBIT = 125_000;
const UNLIMITED = 1e9;
/** What a client's process seals and opens on loopback; nothing else limits it there. */
const CPU = 5e7;

/** Ways of this rate from both clients to the relay, so long that there and back from one to the other takes `roundTripMs`. */
function way(rate: number, roundTripMs: number): Way {
  return { up: rate, down: rate, delayMs: roundTripMs / 4, cpu: CPU };
}

describe('one channel over a far link', () => {
  test.each([
    [20, 0.9],
    [100, 0.85],
    [200, 0.8],
  ])('100 Mbit/s and %i ms: it uses %f of the bandwidth, including the start', (roundTripMs, part) => {
    const both = way(100 * MBIT, roundTripMs);
    const { bytesPerSecond, refusals, longestPauseMs } = carry(both, both, { bytes: 60e6 });
    expect(bytesPerSecond).toBeGreaterThan(part * 100 * MBIT);
    expect(refusals).toBe(0);
    expect(longestPauseMs).toBeLessThan(1_000);
  });

  test('unlimited and 200 ms: it is at least half as fast as on loopback', () => {
    const [far, near] = [way(UNLIMITED, 200), way(UNLIMITED, 0.2)];
    const { bytesPerSecond, refusals } = carry(far, far, { bytes: 100e6 });
    expect(refusals).toBe(0);
    expect(bytesPerSecond / carry(near, near, { bytes: 100e6 }).bytesPerSecond).toBeGreaterThan(0.5);
  });

  test('into a receiver of 10 Mbit/s, less than 2 MiB wait at the relay', () => {
    const { bytesPerSecond, queuedBytes, longestPauseMs } = carry(way(100 * MBIT, 100), way(10 * MBIT, 100), {
      bytes: 8e6,
    });
    expect(queuedBytes).toBeLessThan(2 * 1_048_576);
    expect(bytesPerSecond).toBeGreaterThan(0.85 * 10 * MBIT);
    expect(longestPauseMs).toBeLessThan(1_000);
  });
});

describe('BACKLOG comes before a refusal', () => {
  test.each([40, 100, 200])('when an unlimited sender fills a link of 100 Mbit/s, %i ms away', (roundTripMs) => {
    const to = { ...way(UNLIMITED, roundTripMs), down: 100 * MBIT };
    const { refusals, notices, bytesPerSecond } = carry(way(UNLIMITED, roundTripMs), to, { bytes: 40e6 });
    expect(notices).toBeGreaterThan(0);
    expect(refusals).toBe(0);
    expect(bytesPerSecond).toBeGreaterThan(0.7 * 100 * MBIT);
  });

  test.each([
    [40, 0],
    [100, 0],
    [200, 20],
  ])(
    'when a downlink %i ms away falls from 100 to 20 Mbit/s: at most %i refusals, and no pause',
    (roundTripMs, most) => {
      const both = way(100 * MBIT, roundTripMs);
      const { refusals, longestPauseMs, queuedBytes } = carry(both, both, {
        bytes: 40e6,
        meanwhile: ({ clock }, _sender, { down }) =>
          clock.at(clock.now + 2_500, () => {
            down.rate = (20 * MBIT) / 1_000;
          }),
      });
      expect(refusals).toBeLessThanOrEqual(most);
      expect(longestPauseMs).toBeLessThan(500);
      expect(queuedBytes).toBeLessThan(2 * 1_048_576);
    },
  );
});

test.each([8, 32])('%i channels to one peer at 200 ms together reach half of one channel on loopback', (channels) => {
  const [far, near] = [way(UNLIMITED, 200), way(UNLIMITED, 0.2)];
  const { bytesPerSecond, refusals } = carry(far, far, { bytes: 200e6, channels });
  expect(refusals).toBe(0);
  expect(bytesPerSecond / carry(near, near, { bytes: 50e6 }).bytesPerSecond).toBeGreaterThan(0.5);
});
