import { describe, expect, test } from 'vitest';
import { encodeData, MAX_FRAGMENT_BYTES, OPCODE, type Opcode } from '../../src/channel/data.js';
import { Gauge } from '../../src/channel/gauge.js';
import { Incoming, type Taken } from '../../src/channel/incoming.js';
import {
  CHANNEL_CHARGE_BYTES,
  type ChannelAccount,
  DEFAULT_MEMORY_LIMITS,
  MemoryBudget,
} from '../../src/channel/memory-budget.js';
import { FRAME_CHARGE_BYTES } from '../../src/channel/outgoing.js';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const WINDOW = 64 * KIB;
const { binary, text, continuation } = OPCODE;

function receiver(maxMessageBytes = 16 * MIB, limits = DEFAULT_MEMORY_LIMITS) {
  const budget = new MemoryBudget(limits);
  const account = budget.admit('peer', 'stranger', WINDOW) as ChannelAccount;
  return { budget, account, incoming: new Incoming(account, new Gauge(), maxMessageBytes, MIB) };
}

/** A frame of a sender that keeps to its credit, or `null` if it must wait. */
function take(incoming: Incoming, opcode: Opcode, fin: boolean, bytes: Uint8Array): Taken | string {
  const taken = incoming.acceptFrame(encodeData(opcode, fin, bytes, 'none'));
  return taken.ok ? taken.value : taken.failure.code;
}

test('DATA is accepted up to the granted credit, whether or not the peer knows of it', () => {
  const charge = 60_005 + FRAME_CHARGE_BYTES;
  const bytes = new Uint8Array(60_000);
  const { incoming } = receiver();
  take(incoming, binary, true, bytes);
  expect(incoming.limit).toBe(WINDOW);
  incoming.delivered();
  expect(incoming.limit).toBeGreaterThanOrEqual(WINDOW + charge);
  expect(take(incoming, binary, true, bytes)).toMatchObject({ type: 'message' });

  const slow = receiver().incoming;
  take(slow, binary, true, bytes);
  expect(take(slow, binary, true, bytes)).toBe('protocol-error');
});

describe('fragments', () => {
  test('an empty fragment without FIN is a protocol error', () => {
    expect(take(receiver().incoming, text, false, new Uint8Array(0))).toBe('protocol-error');
    const { incoming } = receiver();
    take(incoming, text, false, new Uint8Array(1));
    expect(take(incoming, continuation, false, new Uint8Array(0))).toBe('protocol-error');
  });

  test('an empty last fragment ends its message', () => {
    const { incoming } = receiver();
    take(incoming, binary, false, Uint8Array.of(1, 2));
    expect(take(incoming, continuation, true, new Uint8Array(0))).toEqual({
      type: 'message',
      data: Uint8Array.of(1, 2),
    });
  });

  test('a message of exactly maxMessageBytes is accepted in the largest fragments', () => {
    const { incoming } = receiver(MIB);
    for (let left = MIB; left > MAX_FRAGMENT_BYTES; left -= MAX_FRAGMENT_BYTES)
      expect(take(incoming, left === MIB ? binary : continuation, false, new Uint8Array(MAX_FRAGMENT_BYTES))).toEqual({
        type: 'fragment',
      });
    const last = take(incoming, continuation, true, new Uint8Array(MIB % MAX_FRAGMENT_BYTES).fill(7));
    expect(last).toMatchObject({ type: 'message' });
    const { data } = last as { data: Uint8Array };
    expect([data.length, data[0], data.at(-1)]).toEqual([MIB, 0, 7]);
  });

  test('one-byte fragments count their overhead towards maxMessageBytes', () => {
    const { incoming } = receiver(MIB);
    const byte = new Uint8Array(1);
    let taken = 0;
    while (take(incoming, taken === 0 ? binary : continuation, false, byte) !== 'message-too-large') taken++;
    // 1 MiB in the largest fragments counts 1 MiB + 18 × 96.
    expect(taken).toBe(Math.floor((MIB + 18 * 96) / 97));
  });

  test('fragments of every size are joined in order', () => {
    const { incoming } = receiver();
    const whole = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);
    const sizes = [1, 61_440, 7, 61_439, 2, 61_440, 30_000, 50_000, 1];
    let at = 0;
    for (const [index, size] of sizes.entries()) {
      expect(take(incoming, index === 0 ? binary : continuation, false, whole.subarray(at, at + size))).toMatchObject({
        type: 'fragment',
      });
      at += size;
    }
    const last = take(incoming, continuation, true, whole.subarray(at));
    expect(Buffer.compare((last as { data: Uint8Array }).data, whole)).toBe(0);
  });

  test('172,000 fragments are joined in linear time: each byte is copied less than four times', () => {
    const { incoming } = receiver();
    const byte = new Uint8Array(1);
    const plaintexts = [binary, continuation].map((opcode) => encodeData(opcode, false, byte, 'none'));
    const last = encodeData(continuation, true, byte, 'none');
    const { set } = Uint8Array.prototype;
    let copied = 0;
    Uint8Array.prototype.set = function (from, at) {
      copied += from.length;
      set.call(this, from, at);
    };
    try {
      for (let i = 0; i < 171_999; i++) incoming.acceptFrame(plaintexts[i === 0 ? 0 : 1] as Uint8Array);
      expect(incoming.acceptFrame(last)).toMatchObject({ ok: true, value: { type: 'message' } });
    } finally {
      Uint8Array.prototype.set = set;
    }
    expect(copied).toBeLessThan(4 * 172_000);
  });
});

describe('held memory is charged', () => {
  test('a channel costs its charge and its window, a tombstone its charge, a forgotten one nothing', () => {
    const { budget, account, incoming } = receiver();
    expect(budget.usedBytes).toBe(CHANNEL_CHARGE_BYTES + WINDOW);
    take(incoming, binary, false, new Uint8Array(30_000));
    incoming.discard();
    expect(budget.usedBytes).toBe(CHANNEL_CHARGE_BYTES);
    account.release();
    expect(budget.usedBytes).toBe(0);
  });

  test('a closed channel’s data costs nothing, at any length', () => {
    const { budget, incoming } = receiver();
    incoming.discard();
    for (let i = 0; i < 1_000; i++) take(incoming, i === 0 ? binary : continuation, false, new Uint8Array(60_000));
    // Nothing is joined: what would end the message gives none.
    expect(take(incoming, continuation, true, new Uint8Array(1))).toEqual({ type: 'fragment' });
    expect(budget.usedBytes).toBe(CHANNEL_CHARGE_BYTES);
  });

  test('a partial message beyond the window borrows memory until it is delivered', () => {
    const { budget, incoming } = receiver();
    const before = budget.usedBytes;
    for (let i = 0; i < 100; i++) take(incoming, i === 0 ? binary : continuation, false, new Uint8Array(60_000));
    expect(budget.usedBytes - before).toBeGreaterThan(100 * 60_000);
    take(incoming, continuation, true, new Uint8Array(1));
    expect(budget.usedBytes - before).toBeGreaterThan(100 * 60_000);
    incoming.delivered();
    // Its window has grown by use meanwhile.
    expect(budget.usedBytes - before).toBeLessThanOrEqual(MIB);
  });

  test('a text counts two bytes for each byte received', () => {
    const { budget, incoming } = receiver();
    const before = budget.usedBytes;
    // So little that its window does not grow.
    take(incoming, text, true, new Uint8Array(3_500).fill(0x61));
    expect(budget.usedBytes - before).toBeGreaterThan(3_400);
    incoming.delivered();
    expect(budget.usedBytes).toBe(before);
  });

  test('a small message that waits is charged for its event and objects too', () => {
    const { budget, incoming } = receiver();
    const before = budget.usedBytes;
    for (let i = 0; i < 600; i++) take(incoming, binary, true, new Uint8Array(1));
    // 262 bytes each; the window covers 64 KiB of them.
    expect(budget.usedBytes - before).toBeGreaterThan(600 * 262 - WINDOW);
    for (let i = 0; i < 600; i++) incoming.delivered();
    expect(budget.usedBytes - before).toBeLessThanOrEqual(MIB);
  });

  test('a fragment’s padding is not charged as held', () => {
    const { budget, incoming } = receiver();
    const before = budget.usedBytes;
    const padded = new Uint8Array(60_000);
    for (let i = 0; i < 100; i++) {
      padded.set(i === 0 ? [2, 0, 0, 0, 1] : [0, 0, 0, 0, 1]);
      expect(incoming.acceptFrame(padded.slice()).ok).toBe(true);
    }
    expect(budget.usedBytes - before).toBeLessThan(100 * 97 + 1);
  });
});

describe('a window grows by use', () => {
  test('does not grow without use', () => {
    const { account, incoming } = receiver();
    const send = (): void => {
      take(incoming, binary, true, new Uint8Array(60_000));
    };
    send();
    expect(account.windowBytes).toBe(WINDOW);
    for (let i = 0; i < 30; i++) {
      incoming.delivered();
      send();
    }
    expect(account.windowBytes).toBe(MIB);
  });
});
