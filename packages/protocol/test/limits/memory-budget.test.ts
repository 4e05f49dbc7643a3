import { describe, expect, test } from 'vitest';
import { encodeData, OPCODE } from '../../src/channel/data.js';
import { Gauge } from '../../src/channel/gauge.js';
import { Incoming } from '../../src/channel/incoming.js';
import { type ChannelAccount, MemoryBudget } from '../../src/channel/memory-budget.js';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const MAX_MESSAGE = 2 * MIB;
const FRAGMENT = 61_440;

/** A sender that keeps to its credit and wants to send one message. */
class Sender {
  readonly account: ChannelAccount;
  readonly incoming: Incoming;
  #left: number;
  #charged = 0;
  done = false;

  constructor(account: ChannelAccount, messageBytes = MAX_MESSAGE) {
    this.account = account;
    this.incoming = new Incoming(account, new Gauge(), MAX_MESSAGE, MIB);
    this.#left = messageBytes;
  }

  /** Sends what it has credit for; whether that was anything. */
  send(): boolean {
    let sent = false;
    while (!this.done) {
      const length = Math.min(FRAGMENT, this.#left);
      const opcode = this.#charged === 0 ? OPCODE.binary : OPCODE.continuation;
      const fin = length === this.#left;
      const plaintext = encodeData(opcode, fin, new Uint8Array(length), 'none');
      if (this.#charged + plaintext.length + 96 > this.incoming.limit) return sent;
      this.#charged += plaintext.length + 96;
      expect(this.incoming.acceptFrame(plaintext).ok).toBe(true);
      this.#left -= length;
      sent = true;
      if (fin) this.done = true;
    }
    return sent;
  }
}

function limits(total: number, peer = total) {
  return { maxMemoryBytes: 2 * total, maxStrangerMemoryBytes: total, maxPeerMemoryBytes: peer };
}

function admitted(budget: MemoryBudget, peer: string, known = false): ChannelAccount {
  const account = budget.admit(peer, known ? 'known' : 'stranger', MIB);
  if (account === null) throw new Error(`no room for ${peer}`);
  return account;
}

/** Runs until nobody gets on: senders send, the application takes what is whole, and those that are stuck are tried again. */
function settle(senders: readonly Sender[], check: () => void): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const sender of senders) {
      if (sender.done) continue;
      if (sender.send()) moved = true;
      check();
      if (sender.done) sender.incoming.delivered();
      else sender.incoming.refill();
    }
  }
}

describe('the first window of a stranger', () => {
  const started = (budget: MemoryBudget, count: number, name: (i: number) => string): number[] =>
    Array.from({ length: count }, (_, i) => admitted(budget, name(i)).windowBytes);

  test('is as large as that of a known peer while little is taken', () => {
    expect(admitted(new MemoryBudget(limits(128 * MIB, 36 * MIB)), 'peer').windowBytes).toBe(MIB);
  });

  test('is the least where idle strangers have taken an eighth of what is for larger windows', () => {
    const budget = new MemoryBudget(limits(128 * MIB, 36 * MIB));
    const windows = started(budget, 100, (i) => `peer ${i}`);
    expect(windows.slice(0, 7)).toEqual(Array(7).fill(MIB));
    expect(windows.at(-1)).toBe(64 * KIB);
    const larger = windows.reduce((sum, bytes) => sum + bytes - 64 * KIB, 0);
    expect(larger).toBeGreaterThan(7 * MIB);
    expect(larger).toBeLessThanOrEqual(8 * MIB);
  });

  test('leaves to the next peer half of what is left', () => {
    const budget = new MemoryBudget(limits(128 * MIB, 36 * MIB));
    started(budget, 100, () => 'hog');
    expect(admitted(budget, 'other').windowBytes).toBe(MIB);
  });
});

describe('no deadlock: every message is completed', () => {
  /** Every sender finishes; returns the most bytes in use meanwhile. */
  const finish = (budget: MemoryBudget, senders: readonly Sender[]): number => {
    let most = 0;
    settle(senders, () => {
      most = Math.max(most, budget.usedBytes);
    });
    expect(senders.filter(({ done }) => !done)).toEqual([]);
    return most;
  };

  test('of 40 strangers at once', () => {
    const budget = new MemoryBudget(limits(16 * MIB));
    const senders = Array.from({ length: 40 }, (_, i) => new Sender(admitted(budget, `peer ${i}`)));
    const most = finish(budget, senders);
    // The strangers' share, and one message that finishes although there is no room.
    expect(most).toBeLessThan(16 * MIB + MAX_MESSAGE + 96 * 100);
  });

  test('on 60 channels of one peer at once', () => {
    const budget = new MemoryBudget(limits(64 * MIB, 10 * MIB));
    const senders = Array.from({ length: 60 }, () => new Sender(admitted(budget, 'peer')));
    const most = finish(budget, senders);
    expect(most).toBeLessThan(10 * MIB + MAX_MESSAGE + 96 * 100);
  });

  test('of peers with many channels each', () => {
    const budget = new MemoryBudget(limits(16 * MIB, 4 * MIB));
    const senders = Array.from({ length: 60 }, (_, i) => new Sender(admitted(budget, `peer ${i % 6}`)));
    finish(budget, senders);
    for (const { account } of senders) account.release();
    expect(budget.usedBytes).toBe(0);
  });
});

describe('hostile peers that never finish a message', () => {
  const hostile = (budget: MemoryBudget, count: number): Sender[] =>
    // One byte less than the largest message, and no last fragment.
    Array.from({ length: count }, (_, i) => new Sender(admitted(budget, `hostile ${i % 100}`), 10 * MAX_MESSAGE));

  test('hold at most their share and one message', () => {
    const budget = new MemoryBudget(limits(32 * MIB));
    const senders = hostile(budget, 150);
    for (const sender of senders) while (budget.usedBytes >= 0 && sendUntilFull(sender));
    expect(budget.usedBytes).toBeLessThan(32 * MIB + MAX_MESSAGE + 96 * 100);
  });

  test('hold at most one peer’s share and one message, on many channels of one', () => {
    const budget = new MemoryBudget(limits(64 * MIB, 8 * MIB));
    const senders = Array.from({ length: 30 }, () => new Sender(admitted(budget, 'hostile')));
    for (let moved = true; moved; ) moved = senders.filter(sendUntilFull).length > 0;
    expect(budget.usedBytes).toBeLessThan(8 * MIB + MAX_MESSAGE + 96 * 100);
  });

  test('leave known peers their whole share', () => {
    const budget = new MemoryBudget(limits(32 * MIB));
    for (const sender of hostile(budget, 150)) while (sendUntilFull(sender));
    const known = new Sender(admitted(budget, 'friend', true));
    expect(known.account.windowBytes).toBe(MIB);
    known.send();
    expect(known.done).toBe(true);
  });

  test('leave a new stranger its window', () => {
    const budget = new MemoryBudget(limits(32 * MIB));
    for (const sender of hostile(budget, 100)) while (sendUntilFull(sender));
    const stranger = new Sender(admitted(budget, 'new'), 50_000);
    stranger.send();
    expect(stranger.done).toBe(true);
  });

  /** Sends up to just below what fails; whether it got on. */
  function sendUntilFull(sender: Sender): boolean {
    const before = sender.incoming.next;
    const room = Math.floor((MAX_MESSAGE - FRAGMENT) / FRAGMENT);
    while (sender.incoming.next < room) {
      const opcode = sender.incoming.next === 0 ? OPCODE.binary : OPCODE.continuation;
      const plaintext = encodeData(opcode, false, new Uint8Array(FRAGMENT), 'none');
      // Only as much as the credit allows: beyond it the channel fails.
      if ((sender.incoming.next + 1) * (plaintext.length + 96) > sender.incoming.limit) break;
      sender.incoming.acceptFrame(plaintext);
    }
    sender.incoming.refill();
    return sender.incoming.next > before;
  }
});

test('one peer’s channels leave room for as many again', () => {
  const budget = new MemoryBudget(limits(8 * MIB));
  let channels = 0;
  while (budget.admit('hog', 'stranger', MIB) !== null) channels++;
  expect(budget.admit('other', 'stranger', MIB)).not.toBeNull();
  expect(channels).toBeGreaterThan(20);
});

test('a peer that this endpoint dials always gets the smallest window', () => {
  const budget = new MemoryBudget({ maxMemoryBytes: 0, maxStrangerMemoryBytes: 0, maxPeerMemoryBytes: 0 });
  expect(budget.admit('peer', 'known', MIB)).toBeNull();
  expect(budget.dial('peer', MIB).windowBytes).toBe(64 * KIB);
});

test('an account counts the channels of its peer that want more than the least window', () => {
  const budget = new MemoryBudget(limits(128 * MIB, 36 * MIB));
  const accounts = ['peer', 'peer', 'peer', 'other'].map((peer) => admitted(budget, peer));
  expect(accounts.map(({ channels }) => channels)).toEqual([3, 3, 3, 1]);
  accounts[1]?.release();
  expect(accounts[0]?.channels).toBe(2);
});
