import { describe, expect, test, vi } from 'vitest';
import { ServerCounters } from '../src/index.js';
import { Notices } from '../src/notices.js';
import { KEY, type Made, make, message, useOwnClock } from './registered-socket.js';

useOwnClock();

describe('unread notices of one client', () => {
  test('cut it off at 1 MiB', () => {
    const made = make();
    for (let i = 0; i < 20_000; i++)
      made.socket.notify({ type: 'UNDELIVERABLE', to: KEY, head: '00'.repeat(25), code: 'offline' });
    expect(made.fake.ended).toBe('terminated');
    expect(made.closed).toBe(1);
    expect(made.fake.sent.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(1_048_576);
    expect(made.counters.refusals.get('unread-notices')).toBe(1);
  });

  test('do not count once read, and only MESSAGEs are reported as written', () => {
    const made = make();
    let written = 0;
    made.socket.onwritten = (count) => {
      written += count;
    };
    for (let i = 0; i < 20_000; i++) {
      made.socket.notify({ type: 'UNDELIVERABLE', to: KEY, head: '00'.repeat(25), code: 'offline' });
      made.socket.deliver(message());
      if (i % 3 === 2) made.fake.onwritten?.(5);
    }
    made.fake.onwritten?.(40_000 - 5 * 6_666);
    expect(made.fake.ended).toBeNull();
    expect(written).toBe(20_000);
  });
});

test('a client that leaves the reason of its close unread is cut off, not closed', () => {
  const made = make();
  const notice = { type: 'PONG', id: 1 } as const;
  for (let left = 1_048_576 - 100; left > 0; left -= JSON.stringify(notice).length) made.socket.notify(notice);
  const close = vi.spyOn(made.fake, 'close');
  made.socket.close({ code: 'forbidden', detail: 'x'.repeat(100) });
  expect([made.fake.ended, made.closed, close.mock.calls, vi.getTimerCount()]).toEqual(['terminated', 1, [], 0]);
});

test('notices that are all written are forgotten', () => {
  const add = vi.spyOn(Notices.prototype, 'add');
  const made = make();
  for (const written of [0, 1, 2]) {
    made.socket.notify({ type: 'PONG', id: 1 });
    made.fake.onwritten?.(written);
  }
  const places = add.mock.contexts;
  expect(places.map((one) => places.indexOf(one))).toEqual([0, 0, 0]);
  made.socket.notify({ type: 'PONG', id: 1 });
  expect(places.indexOf(places[3])).toBe(3);
  add.mockRestore();
});

describe('unread notices of many clients', () => {
  const notice = { type: 'UNDELIVERABLE', to: KEY, head: '00'.repeat(25), code: 'offline' } as const;
  const flood = (made: Made): void => {
    for (let i = 0; i < 20_000 && made.fake.ended === null; i++) made.socket.notify(notice);
  };

  test('are limited together: each may have less, but always 64 KiB', () => {
    const counters = new ServerCounters();
    const clients = Array.from({ length: 300 }, () => make({ counters }));
    const held = (made: Made): number => made.fake.sent.reduce((sum, { length }) => sum + length, 0);
    for (const made of clients) flood(made);
    expect(counters.unreadNoticeBytes).toBeLessThan(64 * 1_048_576 + 300 * 65_536);
    const shares = clients.map(held);
    expect(shares[0]).toBeGreaterThan(1_000_000);
    expect(Math.min(...shares)).toBeGreaterThan(65_000);
    expect(shares.at(-1)).toBeLessThan(200_000);
    const quiet = make({ counters });
    for (let i = 0; i < 100; i++) quiet.socket.notify(notice);
    expect(quiet.fake.ended).toBeNull();
  });

  test('each may leave half of the free space unread, at least 64 KiB, at most 1 MiB', () => {
    const mib = 1_048_576;
    for (const [all, most] of [
      [0, mib],
      [62 * mib, mib],
      [63 * mib, mib / 2],
      [64 * mib - 131_070, 65_536],
      [64 * mib, 65_536],
    ] as const) {
      const leaves = (bytes: number) => new Notices({ unreadNoticeBytes: all }).add(0, bytes);
      expect([all, leaves(most), leaves(most + 1)]).toEqual([all, true, false]);
    }
  });

  test('count with their own size each', () => {
    const all = { unreadNoticeBytes: 0 };
    const notices = new Notices(all);
    for (const [place, bytes] of [10, 200, 3_000].entries()) notices.add(place, bytes);
    const unread = [1, 2, 3].map((place) => [notices.written(place), all.unreadNoticeBytes]);
    expect(unread).toEqual([
      [1, 3_200],
      [1, 3_000],
      [1, 0],
    ]);
  });

  test('count until written or dropped', () => {
    const counters = new ServerCounters();
    const made = make({ counters });
    for (let i = 0; i < 10; i++) made.socket.notify(notice);
    made.socket.deliver(message());
    const each = counters.unreadNoticeBytes / 10;
    made.fake.onwritten?.(4);
    expect(counters.unreadNoticeBytes).toBe(6 * each);
    made.fake.onclose?.(null);
    made.fake.onwritten?.(7);
    expect(counters.unreadNoticeBytes).toBe(0);
  });
});
