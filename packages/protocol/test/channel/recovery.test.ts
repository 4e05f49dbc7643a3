// PROTOCOL §4, Resume: when a resend pass starts, and what `congested` does.
import { describe, expect, test, vi } from 'vitest';
import { Flight } from '../../src/channel/flight.js';
import { Outgoing } from '../../src/channel/outgoing.js';
import { Recovery } from '../../src/channel/recovery.js';
import { seeded } from '../simulator/seeded.js';

function half() {
  const outgoing = new Outgoing('padme', new Flight());
  return { recovery: new Recovery(), outgoing, resend: vi.spyOn(outgoing, 'resend') };
}

describe('a resend pass', () => {
  test('due within 200 ms of the last one starts after them', () => {
    const { recovery, outgoing, resend } = half();
    recovery.passSoon(50, 1_000);
    recovery.startPass(outgoing, 1_000);
    recovery.passSoon(50, 1_050);
    recovery.passSoon(50, 1_150);
    recovery.startPass(outgoing, 1_199);
    expect(resend).toHaveBeenCalledTimes(1);
    expect(recovery.passAt).toBe(1_200);
    recovery.startPass(outgoing, 1_200);
    expect(resend).toHaveBeenCalledTimes(2);
    recovery.startPass(outgoing, 9_000);
    expect(resend).toHaveBeenCalledTimes(2);
  });

  test('waits for a round trip after the last one if that is longer', () => {
    const { recovery, outgoing } = half();
    recovery.passSoon(300, 1_000);
    recovery.startPass(outgoing, 1_000);
    recovery.passSoon(300, 1_010);
    expect(recovery.passAt).toBe(1_300);
  });
});

describe('congested', () => {
  test('delays DATA for one to two times 100 ms, and the pass starts at the first refused frame', () => {
    const { recovery, outgoing, resend } = half();
    const random = seeded(1).bytes;
    recovery.congested(7, outgoing, random, 1_000);
    const { heldUntil } = recovery;
    expect(heldUntil).toBeGreaterThanOrEqual(1_100);
    expect(heldUntil).toBeLessThanOrEqual(1_200);
    recovery.congested(5, outgoing, random, 1_010);
    recovery.congested(8, outgoing, random, 1_020);
    expect([recovery.heldUntil, recovery.passAt]).toEqual([heldUntil, heldUntil]);
    recovery.startPass(outgoing, heldUntil);
    expect(resend.mock.calls).toEqual([[5]]);
  });

  test('doubles the delay with each refusal, to 5 s, until something new is acknowledged', () => {
    const { recovery, outgoing } = half();
    const random = seeded(2).bytes;
    const held = (): number => {
      const now = Math.max(1_000, recovery.heldUntil);
      recovery.congested(0, outgoing, random, now);
      return recovery.heldUntil - now;
    };
    for (const least of [100, 200, 400, 800, 1_600, 2_500, 2_500]) {
      const ms = held();
      expect(ms).toBeGreaterThanOrEqual(least);
      expect(ms).toBeLessThanOrEqual(2 * least);
    }
    recovery.progress();
    expect(held()).toBeLessThanOrEqual(200);
  });
});
