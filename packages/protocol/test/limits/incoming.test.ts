import { concatBytes } from '@sws/crypto';
import { describe, expect, test } from 'vitest';
import {
  encodeData,
  encodeItems,
  ITEM_HEAD_BYTES,
  MAX_FRAGMENT_BYTES,
  MAX_ITEMS,
  OPCODE,
  type Opcode,
} from '../../src/channel/data.js';
import { Gauge } from '../../src/channel/gauge.js';
import { Incoming, type Taken } from '../../src/channel/incoming.js';
import {
  CHANNEL_CHARGE_BYTES,
  type ChannelAccount,
  DEFAULT_MEMORY_LIMITS,
  MemoryBudget,
} from '../../src/channel/memory-budget.js';
import { ITEM_CHARGE_BYTES } from '../../src/channel/outgoing.js';
import { encodeUtf8 } from '../../src/utf8.js';

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

const completes = (...messages: (string | Uint8Array)[]): Taken => ({ type: 'messages', messages });

/** The one binary message that a frame completed. */
function only(taken: Taken | string): Uint8Array {
  const messages = typeof taken === 'string' || taken.type !== 'messages' ? [] : taken.messages;
  expect(messages).toHaveLength(1);
  return messages[0] as Uint8Array;
}

/** A frame with one item for each entry, and zeros behind them. */
function frameOf(entries: readonly (readonly [Opcode, boolean, Uint8Array])[], zeros = 0): Uint8Array {
  const items = entries.map(([opcode, fin, bytes]) => ({ opcode, fin, bytes }));
  return concatBytes(encodeItems(items, 'none'), new Uint8Array(zeros));
}

describe('several messages in one frame', () => {
  const whole = [text, true, encodeUtf8('a')] as const;
  const some = Array.from({ length: 5 }, (_, i) => new Uint8Array(i * 100).fill(i + 1));
  const five = (zeros = 0): Uint8Array =>
    frameOf(
      some.map((bytes) => [binary, true, bytes] as const),
      zeros,
    );

  test('come in order, each in an array of its own', () => {
    const { incoming } = receiver();
    const plaintext = five(7);
    const taken = incoming.acceptFrame(plaintext);
    plaintext.fill(0);
    expect(taken).toEqual({ ok: true, value: completes(...some) });
    const text3 = frameOf(['a', 'b€', ''].map((one) => [text, true, encodeUtf8(one)] as const));
    expect(incoming.acceptFrame(text3)).toEqual({ ok: true, value: completes('a', 'b€', '') });
    expect(incoming.next).toBe(2);
  });

  test('each is charged its bytes and 96; their credit comes back as they are delivered', () => {
    const { incoming } = receiver();
    const zeros = 500;
    expect(incoming.acceptFrame(five(zeros)).ok).toBe(true);
    expect(incoming.limit).toBe(WINDOW);
    const limits = some.map(() => {
      incoming.delivered();
      return incoming.limit;
    });
    expect(limits).toEqual(limits.toSorted((a, b) => a - b));
    const charged = 1_000 + zeros + 5 * (ITEM_HEAD_BYTES + ITEM_CHARGE_BYTES);
    expect(limits[3]).toBeLessThan(WINDOW + charged);
    expect(limits[4]).toBe(WINDOW + charged);
  });

  test('the smallest are refused beyond the credit, and none of them is taken', () => {
    const empty = (count: number): Uint8Array =>
      frameOf(new Array(count).fill([binary, true, new Uint8Array(0)] as const));
    const most = Math.floor(WINDOW / (ITEM_HEAD_BYTES + ITEM_CHARGE_BYTES));
    const { incoming } = receiver();
    for (let left = most; left > 0; left -= MAX_ITEMS)
      expect(incoming.acceptFrame(empty(Math.min(left, MAX_ITEMS))).ok).toBe(true);
    expect(incoming.acceptFrame(empty(2))).toMatchObject({ ok: false, failure: { code: 'protocol-error' } });
  });

  test('a frame holds at most 16', () => {
    const frame = (count: number): Uint8Array => frameOf(new Array(count).fill(whole));
    expect(receiver().incoming.acceptFrame(frame(16)).ok).toBe(true);
    const refused = { ok: false, failure: { code: 'protocol-error', detail: 'a frame holds more than 16 messages' } };
    expect(receiver().incoming.acceptFrame(frame(17))).toMatchObject(refused);
    // A tombstone, which keeps no messages, counts them too.
    const { incoming } = receiver();
    incoming.discard();
    expect(incoming.acceptFrame(frame(17))).toMatchObject(refused);
  });

  test('a message that waits is charged for its event and objects, as one in a frame of its own', () => {
    const [together, apart] = [receiver(), receiver()];
    const one = [binary, true, Uint8Array.of(1)] as const;
    for (let i = 0; i < 600; i += 15)
      expect(together.incoming.acceptFrame(frameOf(new Array(15).fill(one))).ok).toBe(true);
    for (let i = 0; i < 600; i++) apart.incoming.acceptFrame(frameOf([one]));
    expect(together.budget.usedBytes).toBe(apart.budget.usedBytes);
  });

  test('a tombstone counts them, and keeps none', () => {
    const { budget, incoming } = receiver();
    incoming.discard();
    const before = incoming.limit;
    for (let i = 0; i < 100; i++) expect(incoming.acceptFrame(five())).toEqual({ ok: true, value: completes() });
    expect(incoming.limit - before).toBe(100 * (1_000 + 5 * (ITEM_HEAD_BYTES + ITEM_CHARGE_BYTES)));
    expect(budget.usedBytes).toBe(CHANNEL_CHARGE_BYTES);
  });

  test.each([
    ['a fragment', [whole, [text, false, encodeUtf8('b')]], 'protocol-error'],
    ['a last fragment', [whole, [continuation, true, encodeUtf8('b')]], 'protocol-error'],
    ['a close', [whole, [OPCODE.close, true, new Uint8Array(0)]], 'protocol-error'],
    ['a rekey', [whole, [OPCODE.rekey, true, new Uint8Array(32)]], 'protocol-error'],
    ['text that is not UTF-8', [whole, [text, true, Uint8Array.of(0xff)]], 'invalid-text'],
  ] as const)('after a message, %s fails the channel', (_, entries, code) => {
    const taken = receiver().incoming.acceptFrame(frameOf(entries));
    expect(taken).toMatchObject({ ok: false, failure: { code } });
  });

  test.each([
    ['a fragment', [binary, false, new Uint8Array(1)]],
    ['a close', [OPCODE.close, true, new Uint8Array(0)]],
    ['rekeyed', [OPCODE.rekeyed, true, new Uint8Array(0)]],
  ] as const)('nothing may follow %s', (_, first) => {
    const { incoming } = receiver();
    expect(incoming.acceptFrame(frameOf([first, whole]))).toMatchObject({
      ok: false,
      failure: { code: 'protocol-error' },
    });
  });

  test('the last fragment of a message stands alone', () => {
    const { incoming } = receiver();
    take(incoming, binary, false, Uint8Array.of(1));
    const taken = incoming.acceptFrame(frameOf([[continuation, true, Uint8Array.of(2)], whole]));
    expect(taken).toMatchObject({ ok: false, failure: { code: 'protocol-error' } });
  });

  test('a message cannot begin within another', () => {
    const { incoming } = receiver();
    take(incoming, binary, false, Uint8Array.of(1));
    expect(incoming.acceptFrame(five())).toMatchObject({ ok: false, failure: { code: 'protocol-error' } });
  });

  test('a frame holds at most 61,440 bytes beside its first head', () => {
    const two = (bytes: number): Uint8Array =>
      frameOf([
        [binary, true, new Uint8Array(1)],
        [binary, true, new Uint8Array(bytes)],
      ]);
    const most = MAX_FRAGMENT_BYTES - 1 - ITEM_HEAD_BYTES;
    expect(receiver().incoming.acceptFrame(two(most)).ok).toBe(true);
    expect(receiver().incoming.acceptFrame(two(most + 1))).toMatchObject({
      ok: false,
      failure: { code: 'protocol-error' },
    });
  });

  test('each is measured against maxMessageBytes by itself', () => {
    const { incoming } = receiver(400);
    expect(incoming.acceptFrame(five()).ok).toBe(true);
    expect(receiver(399).incoming.acceptFrame(five())).toMatchObject({
      ok: false,
      failure: { code: 'message-too-large' },
    });
  });
});

test('DATA is accepted up to the granted credit, whether or not the peer knows of it', () => {
  const charge = 60_005 + ITEM_CHARGE_BYTES;
  const bytes = new Uint8Array(60_000);
  const { incoming } = receiver();
  take(incoming, binary, true, bytes);
  expect(incoming.limit).toBe(WINDOW);
  incoming.delivered();
  expect(incoming.limit).toBeGreaterThanOrEqual(WINDOW + charge);
  expect(take(incoming, binary, true, bytes)).toEqual(completes(bytes));

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
    expect(take(incoming, continuation, true, new Uint8Array(0))).toEqual(completes(Uint8Array.of(1, 2)));
  });

  test('a message of exactly maxMessageBytes is accepted in the largest fragments', () => {
    const { incoming } = receiver(MIB);
    for (let left = MIB; left > MAX_FRAGMENT_BYTES; left -= MAX_FRAGMENT_BYTES)
      expect(take(incoming, left === MIB ? binary : continuation, false, new Uint8Array(MAX_FRAGMENT_BYTES))).toEqual(
        completes(),
      );
    const data = only(take(incoming, continuation, true, new Uint8Array(MIB % MAX_FRAGMENT_BYTES).fill(7)));
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
      expect(take(incoming, index === 0 ? binary : continuation, false, whole.subarray(at, at + size))).toEqual(
        completes(),
      );
      at += size;
    }
    expect(Buffer.compare(only(take(incoming, continuation, true, whole.subarray(at))), whole)).toBe(0);
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
      expect(incoming.acceptFrame(last)).toMatchObject({ ok: true, value: { type: 'messages' } });
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
    expect(take(incoming, continuation, true, new Uint8Array(1))).toEqual(completes());
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
