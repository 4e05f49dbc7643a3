import { describe, expect, test } from 'vitest';
import { encodeData, OPCODE } from '../../src/channel/data.js';
import { Gauge } from '../../src/channel/gauge.js';
import { Incoming } from '../../src/channel/incoming.js';
import { type ChannelAccount, DEFAULT_MEMORY_LIMITS, MemoryBudget } from '../../src/channel/memory-budget.js';

const MIB = 1_048_576;
const MESSAGE_BYTES = 60_000;
const MESSAGE = encodeData(OPCODE.binary, true, new Uint8Array(MESSAGE_BYTES), 'none');

class Receiver {
  readonly gauge = new Gauge();
  readonly incoming: Incoming;
  readonly account: ChannelAccount;
  /** What its peer has sent, as charged. */
  sent = 0;

  constructor(budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS), account = budget.dial('peer', MIB)) {
    this.account = account;
    this.incoming = new Incoming(account, this.gauge, 16 * MIB, MIB);
  }

  /** The application takes what its peer sends: a window of 1 MiB. */
  takeMany(): void {
    for (let i = 0; i < 17; i++) this.takeOne();
  }

  takeOne(): void {
    expect(this.incoming.acceptFrame(MESSAGE.slice()).ok).toBe(true);
    this.sent += MESSAGE.length + 96;
    this.incoming.delivered();
  }

  get credit(): number {
    return this.incoming.limit - this.sent;
  }
}

describe('a window for a far link', () => {
  test('is twice what the application reads in a round trip, and the first one, at once', () => {
    const { incoming, account } = new Receiver();
    incoming.fit(3 * MIB);
    expect(account.windowBytes).toBe(7 * MIB);
    expect(incoming.limit).toBe(7 * MIB);
  });

  test('grows before a round trip is over, and does not shrink for what came so far', () => {
    const { incoming, account } = new Receiver();
    incoming.widen(3 * MIB);
    expect(account.windowBytes).toBe(7 * MIB);
    for (let i = 0; i < 100; i++) incoming.widen(0);
    expect(account.windowBytes).toBe(7 * MIB);
  });

  test('is at most 16 times the first, within the memory available', () => {
    const { incoming, account } = new Receiver();
    incoming.fit(1_000 * MIB);
    // Three quarters of half of what one peer may have.
    expect(account.windowBytes).toBe(36 * MIB * (3 / 8) + 65_536);
    const rich = new Receiver(new MemoryBudget({ ...DEFAULT_MEMORY_LIMITS, maxPeerMemoryBytes: 512 * MIB }));
    rich.incoming.fit(1_000 * MIB);
    expect(rich.account.windowBytes).toBe(16 * MIB);
  });

  test('does not grow while a window that grows by use is smaller than the first', () => {
    const budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS);
    const account = budget.admit('peer', 'stranger', 65_536) as ChannelAccount;
    const { incoming } = new Receiver(budget, account);
    incoming.fit(8 * MIB);
    expect(account.windowBytes).toBe(65_536);
  });

  test('shrinks after eight round trips below half, and revokes no credit', () => {
    const budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS);
    const receiver = new Receiver(budget);
    const { incoming, account } = receiver;
    const before = budget.usedBytes;
    incoming.fit(4 * MIB);
    const grown = budget.usedBytes;
    for (let i = 0; i < 7; i++) incoming.fit(0);
    incoming.fit(3.5 * MIB);
    for (let i = 0; i < 7; i++) incoming.fit(0);
    expect(account.windowBytes).toBe(9 * MIB);
    const { limit } = incoming;
    incoming.fit(0);
    expect(account.windowBytes).toBe(MIB);
    expect(incoming.limit).toBe(limit);
    // The peer may still send it: so it is still charged.
    expect(budget.usedBytes).toBe(grown);
    for (let i = 0; i < 200; i++) receiver.takeOne();
    expect(receiver.credit).toBeLessThanOrEqual(MIB);
    expect(budget.usedBytes).toBe(before);
  });

  test('is returned when the channel ends', () => {
    const budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS);
    const { incoming, account } = new Receiver(budget);
    incoming.fit(8 * MIB);
    account.release();
    expect(budget.usedBytes).toBe(0);
  });

  test('is an equal part of its peer’s share, among the channels that have grown', () => {
    const budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS);
    const receivers = Array.from(
      { length: 32 },
      () => new Receiver(budget, budget.admit('peer', 'stranger', MIB) as ChannelAccount),
    );
    for (let round = 0; round < 6; round++)
      for (const receiver of receivers) {
        receiver.takeMany();
        receiver.incoming.fit(100_000);
      }
    const windows = receivers.map(({ account }) => account.windowBytes);
    const part = (36 * MIB * 3) / 8 / 32;
    for (const window of windows) {
      expect(window).toBeGreaterThan(0.8 * part);
      expect(window).toBeLessThan(1.2 * part + 65_536);
    }
    // Those that have not used theirs have the least, and leave the rest to the others.
    const idle = new Receiver(budget, budget.admit('other', 'stranger', MIB) as ChannelAccount);
    expect(idle.account.windowBytes).toBe(65_536);
  });

  test('of strangers leaves others their windows', () => {
    const budget = new MemoryBudget(DEFAULT_MEMORY_LIMITS);
    const stranger = (name: string): Receiver => {
      const receiver = new Receiver(budget, budget.admit(name, 'stranger', MIB) as ChannelAccount);
      receiver.takeMany();
      return receiver;
    };
    const hogs = Array.from({ length: 8 }, (_, i) => stranger(`hog ${i}`));
    for (const { incoming } of hogs) incoming.fit(1_000 * MIB);
    // Half of the larger windows' pool at most, and each less than is left of that.
    const far = hogs.reduce((sum, { account }) => sum + account.windowBytes, 0);
    expect(far).toBeLessThan(32 * MIB + hogs.length * 65_536);
    expect(stranger('new').account.windowBytes).toBe(MIB);
  });
});

describe('the gauge', () => {
  test('asks after 65,536 bytes, at most every 50 ms and one question at a time', () => {
    const gauge = new Gauge();
    expect(gauge.took(60_000, 0)).toBe(false);
    expect(gauge.took(6_000, 0)).toBe(true);
    gauge.asked(7, 0);
    expect(gauge.took(100_000, 60)).toBe(false);
    expect(gauge.answered(8, 70)).toBeNull();
    gauge.deliveredBytes += 50_000;
    expect(gauge.answered(7, 100)).toBe(50_000);
    expect(gauge.took(1, 100)).toBe(true);
  });

  test('asks again after 10 s without an answer', () => {
    const gauge = new Gauge();
    gauge.took(70_000, 0);
    gauge.asked(1, 0);
    expect(gauge.took(70_000, 9_999)).toBe(false);
    expect(gauge.took(1, 10_000)).toBe(true);
  });

  test('counts what is delivered from when a question is due, before its answer', () => {
    const gauge = new Gauge();
    expect(gauge.takenSoFar(0)).toBe(0);
    gauge.took(70_000, 0);
    gauge.deliveredBytes += 10_000;
    expect(gauge.takenSoFar(0)).toBe(10_000);
    gauge.asked(1, 0);
    gauge.deliveredBytes += 20_000;
    expect(gauge.takenSoFar(50)).toBe(30_000);
    expect(gauge.answered(1, 100)).toBe(30_000);
    expect(gauge.takenSoFar(100)).toBe(0);
    gauge.asked(2, 1_000);
    gauge.deliveredBytes += 20_000;
    expect(gauge.takenSoFar(1_200)).toBe(10_000);
  });

  test('uses the least round trip, so queueing does not grow the window', () => {
    const gauge = new Gauge();
    gauge.asked(1, 0);
    gauge.deliveredBytes += 10_000;
    expect(gauge.answered(1, 100)).toBe(10_000);
    gauge.asked(2, 1_000);
    gauge.deliveredBytes += 50_000;
    // 50,000 in 500 ms are 10,000 in 100 ms.
    expect(gauge.answered(2, 1_500)).toBe(10_000);
    gauge.reset();
    gauge.asked(3, 2_000);
    gauge.deliveredBytes += 50_000;
    expect(gauge.answered(3, 2_500)).toBe(50_000);
  });
});
