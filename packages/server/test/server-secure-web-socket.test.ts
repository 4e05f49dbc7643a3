import { encodeMessage } from '@sws/protocol';
import { describe, expect, test, vi } from 'vitest';
import { ServerCounters, ServerSecureWebSocket } from '../src/index.js';
import { Pace } from '../src/pace.js';
import { FakeSocket } from './fake-socket.js';
import { FakeMeter, KEY, LIMITS, type Made, make, message, useOwnClock } from './registered-socket.js';

useOwnClock();

describe('over its rate', () => {
  test('a sender is paused as long as needed, at most keepalive', () => {
    const made = make({ meter: new FakeMeter(5) });
    made.socket.start();
    for (let i = 0; i < 8; i++) made.fake.onmessage?.(message());
    expect(made.fake.reading).toBe(false);
    expect(made.got).toHaveLength(8); // what was read already is lost on nobody
    vi.advanceTimersByTime(9);
    expect(made.fake.reading).toBe(false);
    vi.advanceTimersByTime(30);
    expect(made.fake.reading).toBe(true);
    expect(made.counters.pauses).toBe(1);
    for (let i = 0; i < 10_000; i++) made.fake.onmessage?.(message());
    vi.advanceTimersByTime(14_999);
    expect(made.fake.reading).toBe(false);
    vi.advanceTimersByTime(1);
    expect(made.fake.reading).toBe(true);
  });

  test('no pause is shorter than 5 ms', () => {
    const made = make({ meter: { charge() {}, waitMs: vi.fn(() => 0).mockReturnValueOnce(1) } });
    made.socket.start();
    made.fake.onmessage?.(message());
    vi.advanceTimersByTime(4);
    expect(made.fake.reading).toBe(false);
    vi.advanceTimersByTime(1);
    expect(made.fake.reading).toBe(true);
  });

  test('a sender that cannot be paused gets congested, and 4429 past 1 MiB', () => {
    const made = make({ meter: new FakeMeter(5), canPause: false });
    made.socket.start();
    for (let i = 0; i < 8; i++) made.fake.onmessage?.(message(60_000));
    expect(made.got).toHaveLength(6);
    const told = { type: 'UNDELIVERABLE', to: '07'.repeat(32), head: '00'.repeat(25), code: 'congested' };
    expect(made.fake.frames).toEqual([told, told]);
    vi.advanceTimersByTime(2_000);
    for (let i = 0; i < 6 + 17; i++) made.fake.onmessage?.(message(60_000));
    expect(made.fake.ended).toBeNull(); // it had taken heed for more than a second
    made.fake.onmessage?.(message(60_000));
    expect(made.fake.ended).toBe(4429);
    expect(made.counters.refusals.get('congested')).toBe(19);
    expect(made.counters.refusals.get('rate-limited')).toBe(1);
  });
});

test('a sender that cannot be paused is far over its rate past 1 MiB, counted anew after a second within it', () => {
  const pace = new Pace(new FakeSocket(false), { charge() {}, waitMs: () => 1 }, 15_000, new ServerCounters());
  const most = 1_048_576 - 64; // a message counts 64 bytes more
  expect([pace.throttle(most, 5_000, 1), pace.throttle(0, 6_000, 1)]).toEqual(['over', 'far-over']);
  expect([pace.throttle(most, 7_001, 1), pace.throttle(0, 7_001, 1)]).toEqual(['over', 'far-over']);
});

describe('pings, pongs and fragments', () => {
  test('count as messages: over the rate their sender is paused', () => {
    const made = make({ meter: new FakeMeter(5) });
    made.socket.start();
    made.fake.onframes?.(5, 30);
    expect(made.fake.reading).toBe(true);
    made.fake.onframes?.(1, 6);
    expect(made.fake.reading).toBe(false);
    expect(made.counters.receivedFrames).toBe(6);
    expect(made.counters.receivedBytes).toBe(36);
    vi.advanceTimersByTime(30);
    expect(made.fake.reading).toBe(true);
  });

  test('of a sender that cannot be paused end in 4429, empty or not', () => {
    const made = make({ meter: new FakeMeter(5), canPause: false });
    made.socket.start();
    let frames = 0;
    for (; made.fake.ended === null && frames < 100_000; frames++) made.fake.onframes?.(1, 0);
    expect(made.fake.ended).toBe(4429);
    // Each counts 64 bytes over the rate.
    expect(frames).toBeGreaterThan(1_048_576 / 64);
    expect(frames).toBeLessThan(1_048_576 / 64 + 20);
    expect(made.fake.sent.length).toBeLessThan(2);
  });

  test('are a sign of life', () => {
    const made = make();
    made.socket.start();
    for (let i = 0; i < 6; i++) {
      vi.advanceTimersByTime(10_000);
      made.fake.onframes?.(1, 6);
    }
    expect(made.fake.sent).toEqual([]);
  });

  test('share a turn of the event loop like messages', () => {
    const made = make();
    made.socket.start();
    made.fake.onframes?.(600, 3_600);
    expect(made.fake.reading).toBe(false);
    vi.advanceTimersToNextTimer();
    expect(made.fake.reading).toBe(true);
  });
});

test('the key exists as bytes, made once; the network is derived from the address', () => {
  const { socket } = make();
  expect(socket.publicKeyBytes).toEqual(Uint8Array.from([...Array(31).fill(0xab), 0]));
  expect(socket.publicKeyBytes).toBe(socket.publicKeyBytes);
  expect(socket.network).toBeNull();
  const of = (remoteAddress: string) => {
    const registered = { publicKey: KEY, term: 1, limits: LIMITS, keepalive: 15, remoteAddress, meter: null };
    const other = new ServerSecureWebSocket(
      new FakeSocket(),
      { ...registered, encoding: 'binary' },
      new ServerCounters(),
    );
    other.close({ code: 'normal', detail: '' });
    return other.network;
  };
  expect([of('192.0.2.1'), of('2001:db8:1:2::9')]).toEqual(['192.0.2.1', '2001:db8:1:2']);
});

test('a message for a closed connection is reported as gone', () => {
  const made = make();
  let written = 0;
  made.socket.onwritten = (count) => {
    written += count;
  };
  made.socket.deliver(message());
  made.socket.close({ code: 'normal', detail: '' });
  const { sent } = made.fake;
  made.socket.deliver(message());
  expect([written, sent.length, made.socket.sentMessages]).toEqual([1, 1, 1]);
});

test('a message reaches a JSON client with both keys and its content', () => {
  const made = make({ encoding: 'json' });
  const from = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
  const whole = new Uint8Array(100);
  whole.set(encodeMessage(from, Uint8Array.of(1, 2, 3)), 7);
  made.socket.deliver(whole.subarray(7, 7 + 36)); // a part of what one read brought
  const frame = { type: 'MESSAGE', to: KEY, from: Buffer.from(from).toString('hex'), content: 'AQID' };
  expect(made.fake.frames).toEqual([frame]);
});

test('a client’s messages are counted when passed on, and its bytes in every frame', () => {
  const made = make();
  made.socket.start();
  expect(made.socket.received).toEqual({ messages: 0, bytes: 0 });
  made.fake.onmessage?.(message(967));
  made.fake.onmessage?.('{"type":"PONG","id":1}');
  made.fake.onframes?.(2, 12);
  expect(made.socket.received).toEqual({ messages: 1, bytes: 1_000 + 22 + 12 });
  expect([made.counters.receivedMessages, made.counters.receivedBytes]).toEqual([1, 1_034]);
});

test('a flood on one socket is read on only in the next turn', () => {
  const made = make();
  made.socket.start();
  for (let turn = 0; turn < 2; turn++) {
    let read = 0;
    while (made.fake.reading && read < 10_000) {
      made.fake.onmessage?.(message(988));
      read++;
    }
    // 256 KiB, of which each message costs its 1,021 bytes and 512 more: 171 are one byte less.
    expect(read).toBe(172);
    vi.advanceTimersToNextTimer(); // the end of the turn
    expect(made.fake.reading).toBe(true);
  }
  made.fake.onframes?.(1, 262_144 - 512);
  expect(made.fake.reading).toBe(false);
});

test('a connection idle for 2 s releases what only a busy one needs', () => {
  const throttle = vi.spyOn(Pace.prototype, 'throttle');
  const made = make();
  made.socket.start();
  for (const silentMs of [0, 2_000, 3_000]) {
    vi.advanceTimersByTime(silentMs);
    made.fake.onmessage?.(message());
  }
  const paces = throttle.mock.contexts;
  expect(paces.map((pace) => paces.indexOf(pace))).toEqual([0, 0, 2]);
  throttle.mockRestore();
});

test.each([
  ['messages', (fake: FakeSocket) => fake.onmessage?.(message(300_000))],
  ['pings', (fake: FakeSocket) => fake.onframes?.(600, 3_600)],
])('a flood of %s yields to the others after the close too', (_, flood) => {
  const made = make();
  made.socket.start();
  made.fake.onmessage?.(message());
  made.socket.close({ code: 'normal', detail: '' });
  flood(made.fake);
  expect(made.fake.reading).toBe(false);
  vi.advanceTimersToNextTimer(); // the end of the turn
  expect([made.fake.reading, made.got.length]).toEqual([true, 1]);
});

test('a flood that is closed in its turn still yields to the others', () => {
  const made = make();
  made.socket.start();
  made.fake.onmessage?.(message(130_000));
  made.fake.onframes?.(300, 1_800);
  made.socket.close({ code: 'normal', detail: '' });
  expect(made.fake.reading).toBe(false);
  vi.advanceTimersToNextTimer(); // the end of the turn
  expect(made.fake.reading).toBe(true);
});

test('what still comes over a closed connection is not counted', () => {
  const made = make();
  made.socket.close({ code: 'normal', detail: '' });
  made.fake.onmessage?.(message());
  made.fake.onframes?.(1, 6);
  expect([made.counters.receivedBytes, made.counters.receivedFrames]).toEqual([0, 0]);
});

test('data before `start` counts for the rate', () => {
  const made = make({ meter: new FakeMeter(2) });
  made.fake.pause(); // as at registration
  for (let i = 0; i < 5; i++) made.fake.onmessage?.(message());
  made.socket.start();
  expect([made.got.length, made.fake.reading]).toEqual([5, false]);
});

test('data before `start` is kept in order, up to 1 MiB', () => {
  const made = make({ canPause: false });
  for (let i = 0; i < 5; i++) made.fake.onmessage?.(message(i));
  expect(made.got).toEqual([]);
  made.socket.start();
  expect(made.got.map(({ length }) => length)).toEqual([33, 34, 35, 36, 37]);
  const flooded = make({ canPause: false });
  for (let i = 0; i < 20; i++) flooded.fake.onmessage?.(message(60_000));
  expect(flooded.fake.ended).toBe(4429);
  const empty = make({ canPause: false });
  let frames = 0;
  for (; empty.fake.ended === null && frames < 100_000; frames++) empty.fake.onmessage?.('');
  // Each counts 64 bytes at least.
  expect(frames).toBe(1_048_576 / 64 + 1);
});

test('`start` works once, and not after close', () => {
  for (const begin of [(made: Made) => made.socket.start(), (made: Made) => made.fake.onclose?.(null)]) {
    const made = make();
    begin(made);
    made.fake.pause();
    made.socket.start();
    expect(made.fake.reading).toBe(false);
  }
});

test('a close’s reason is cut to fit into a close frame, in whole characters', () => {
  for (const [detail, reason] of [
    ['x'.repeat(123), 'x'.repeat(123)],
    ['x'.repeat(200), 'x'.repeat(123)],
    ['é'.repeat(100), 'é'.repeat(61)],
    ['😀'.repeat(40), '😀'.repeat(30)],
  ] as const) {
    const made = make();
    const close = vi.spyOn(made.fake, 'close');
    made.socket.close({ code: 'forbidden', detail });
    expect(close.mock.calls).toEqual([[4403, reason]]);
    expect(made.fake.frames).toEqual([{ type: 'ERROR', code: 4403, reason: detail }]);
    expect(made.counters.refusals.get('forbidden')).toBe(1);
  }
});

test('a normal close sends no ERROR, and a failure without a close code closes with 1011', () => {
  for (const [code, closed, frames] of [
    ['normal', 1000, []],
    ['offline', 1011, [{ type: 'ERROR', code: 1011, reason: 'why' }]],
  ] as const) {
    const made = make();
    made.socket.close({ code, detail: 'why' });
    made.socket.close({ code: 'forbidden', detail: 'again' });
    made.socket.notify({ type: 'PING', id: 1 });
    expect([made.fake.ended, made.fake.frames, made.closed]).toEqual([closed, frames, 1]);
    expect([...made.counters.refusals.keys()]).toEqual(frames.length === 0 ? [] : [code]);
  }
});

test('a closing client is read again, for its answer to the close', () => {
  const early = make();
  early.fake.pause(); // as at registration
  early.socket.close({ code: 'normal', detail: '' });
  const over = make({ meter: new FakeMeter(5) });
  over.socket.start();
  for (let i = 0; i < 8; i++) over.fake.onmessage?.(message());
  expect(over.fake.reading).toBe(false);
  over.socket.close({ code: 'normal', detail: '' });
  expect([early.fake.reading, over.fake.reading]).toEqual([true, true]);
});

test('a client closed while it is paused is read again once, not when its pause would end too', () => {
  const made = make({ meter: new FakeMeter(5) });
  made.socket.start();
  for (let i = 0; i < 100; i++) made.fake.onmessage?.(message());
  const resume = vi.spyOn(made.fake, 'resume');
  made.socket.close({ code: 'normal', detail: '' });
  vi.advanceTimersByTime(20_000);
  expect(resume).toHaveBeenCalledOnce();
});

test('a message of over twice maxMessage closes with 1009', () => {
  const made = make();
  made.socket.start();
  made.fake.onmessage?.(message(2 * LIMITS.maxMessage - 33));
  expect([made.got.length, made.fake.ended]).toEqual([1, null]);
  made.fake.onmessage?.(message(2 * LIMITS.maxMessage - 32));
  expect([made.got.length, made.fake.ended]).toEqual([1, 1009]);
});

test('bytes that are no MESSAGE, or too few for one, close with 4400', () => {
  for (const bytes of [message().fill(9, 0, 1), message(0).subarray(1).fill(1), new Uint8Array(0)]) {
    const made = make();
    made.socket.start();
    made.fake.onmessage?.(bytes);
    expect([made.got.length, made.fake.ended]).toEqual([0, 4400]);
  }
});

test('a text frame is MESSAGE from its own key, PING or PONG, or closes with 4400', () => {
  const to = '07'.repeat(32);
  const text = (frame: object): string => JSON.stringify(frame);
  const made = make({ encoding: 'json' });
  made.socket.start();
  for (const from of [{}, { from: KEY }])
    made.fake.onmessage?.(text({ type: 'MESSAGE', to, content: 'AQID', ...from }));
  made.fake.onmessage?.(text({ type: 'PING', id: 7 }));
  made.fake.onmessage?.(text({ type: 'PONG', id: 7 }));
  const sent = encodeMessage(new Uint8Array(32).fill(7), Uint8Array.of(1, 2, 3));
  expect([made.got, made.fake.frames, made.fake.ended]).toEqual([[sent, sent], [{ type: 'PONG', id: 7 }], null]);
  for (const bad of [
    text({ type: 'MESSAGE', to, from: to, content: 'AQID' }),
    '{',
    'null',
    text({ type: 'REGISTER' }),
  ]) {
    const other = make({ encoding: 'json' });
    other.socket.start();
    other.fake.onmessage?.(bad);
    expect([bad, other.got.length, other.fake.ended]).toEqual([bad, 0, 4400]);
  }
});

test('a client that does not answer close is cut off after 2 s', () => {
  const made = make();
  const terminate = vi.spyOn(made.fake, 'terminate');
  made.socket.close({ code: 'normal', detail: '' });
  vi.advanceTimersByTime(1_999);
  expect(terminate).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(terminate).toHaveBeenCalledOnce();
});

test('a process may end although it watches or closes connections', () => {
  const timers = [vi.spyOn(globalThis, 'setInterval'), vi.spyOn(globalThis, 'setTimeout')];
  make().socket.close({ code: 'normal', detail: '' });
  expect(timers.map(({ mock }) => mock.results.map(({ value }) => value.hasRef()))).toEqual([[false], [false]]);
  for (const timer of timers) timer.mockRestore();
});

test('a close by the library is counted by cause', () => {
  for (const cause of ['bad-frame', 'message-too-large'] as const) {
    const made = make();
    made.fake.onclose?.(cause);
    expect(made.counters.refusals.get(cause)).toBe(1);
    expect(made.closed).toBe(1);
  }
});
