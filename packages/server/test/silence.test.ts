import { afterEach, describe, expect, test, vi } from 'vitest';
import { FakeMeter, make, message, useOwnClock } from './registered-socket.js';

useOwnClock();

describe('silence', () => {
  test('after keepalive a PING is sent, and five seconds later it is cut off', () => {
    const made = make();
    made.socket.start();
    vi.advanceTimersByTime(14_999);
    expect(made.fake.frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    vi.advanceTimersByTime(4_999);
    expect(made.fake.ended).toBeNull();
    vi.advanceTimersByTime(1);
    expect(made.fake.ended).toBe('terminated');
    expect(made.counters.refusals.get('connection-lost')).toBe(1);
    expect(made.closed).toBe(1);
    expect(vi.getTimerCount()).toBe(0); // the last connection takes the timer with it
  });

  test('one timer serves all connections, and continues when one leaves', () => {
    const [one, other] = [make(), make()];
    expect(vi.getTimerCount()).toBe(1);
    one.fake.onclose?.(null);
    one.fake.onclose?.(null);
    vi.advanceTimersByTime(15_000);
    expect([one.fake.frames, other.fake.frames]).toEqual([[], [{ type: 'PING', id: 1 }]]);
    other.fake.onclose?.(null);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('an hour without connections does not count as silence', () => {
    make().fake.onclose?.(null);
    vi.advanceTimersByTime(3_600_000);
    const made = make();
    vi.advanceTimersByTime(14_999);
    expect(made.fake.frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
  });

  test('a byte after a PING answers it', () => {
    const made = make();
    made.socket.start();
    vi.advanceTimersByTime(15_000);
    made.fake.bytes = 1;
    vi.advanceTimersByTime(15_000);
    expect([made.fake.ended, made.fake.frames.length]).toEqual([null, 1]);
  });

  test('any byte is a sign of life, even of an incomplete message', () => {
    const made = make();
    made.socket.start();
    made.fake.bytes = 0;
    for (let i = 0; i < 60; i++) {
      made.fake.bytes += 10;
      vi.advanceTimersByTime(1_000);
    }
    expect(made.fake.sent).toEqual([]);
    vi.advanceTimersByTime(16_000);
    made.fake.onmessage?.('{"type":"PONG","id":1}');
    vi.advanceTimersByTime(14_000);
    expect(made.fake.ended).toBeNull();
  });

  describe('of the relay itself: it was frozen for an hour', () => {
    /** No timer fires meanwhile, as in a stopped process: then all that are due fire once. */
    const freeze = (ms: number): void => {
      const now = performance.now();
      const frozen = vi.spyOn(performance, 'now').mockImplementation(() => now + ms);
      vi.advanceTimersByTime(1_000);
      frozen.mockRestore();
      const offset = ms;
      const inner = performance.now.bind(performance);
      vi.spyOn(performance, 'now').mockImplementation(() => inner() + offset);
    };
    afterEach(() => void vi.restoreAllMocks());

    test('a silent client gets a PING before it is given up', () => {
      const made = make();
      made.socket.start();
      vi.advanceTimersByTime(1_000);
      freeze(3_600_000);
      expect(made.fake.ended).toBeNull();
      vi.advanceTimersByTime(16_000);
      expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    });

    test('a client heard in the same sweep is given up no later than others', () => {
      const made = make();
      made.socket.start();
      made.fake.bytes = 1;
      vi.advanceTimersByTime(1_000);
      made.fake.bytes = 2;
      freeze(3_600_000);
      expect(made.fake.ended).toBeNull();
      vi.advanceTimersByTime(16_000);
      expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
      vi.advanceTimersByTime(5_000);
      expect(made.fake.ended).toBe('terminated');
    });

    test('a client that was asked gets the rest of its five seconds', () => {
      const made = make();
      made.socket.start();
      vi.advanceTimersByTime(17_000);
      expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
      freeze(3_600_000);
      expect(made.fake.ended).toBeNull();
      vi.advanceTimersByTime(6_000);
      expect(made.fake.ended).toBe('terminated');
    });
  });
});

describe('a paused sender', () => {
  test('gets PINGs every half keepalive, and its silence does not count', () => {
    const made = make({ meter: new FakeMeter(5) });
    made.socket.start();
    for (let i = 0; i < 10_000; i++) made.fake.onmessage?.(message());
    vi.advanceTimersByTime(14_900);
    expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    // Paused again and again for longer than any silence is allowed.
    for (let i = 0; i < 4; i++) {
      vi.advanceTimersByTime(100);
      made.fake.onmessage?.(message());
      vi.advanceTimersByTime(14_900);
    }
    expect(made.fake.ended).toBeNull();
    expect(made.fake.frames.length).toBeGreaterThanOrEqual(5);
    expect(made.fake.frames).toEqual(made.fake.frames.map((_, i) => ({ type: 'PING', id: i + 1 })));
  });

  /** Over its rate for about so many seconds. */
  const paused = (seconds: number, keepalive = 15) => {
    const made = make({ meter: new FakeMeter(0), keepalive });
    made.socket.start();
    for (let i = 0; i < 100 * seconds; i++) made.fake.onmessage?.(message());
    expect(made.fake.reading).toBe(false);
    return made;
  };

  test('gets the first PING half a keepalive after its pause was noticed', () => {
    const { fake } = paused(9, 10);
    vi.advanceTimersByTime(5_999);
    expect(fake.frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(fake.frames).toEqual([{ type: 'PING', id: 1 }]);
  });

  test('gets no PING for what had been read before', () => {
    vi.advanceTimersByTime(60_000); // the process runs for a while already
    const { fake } = paused(9);
    vi.advanceTimersByTime(1_500);
    fake.onmessage?.(message());
    vi.advanceTimersByTime(1_500);
    expect(fake.frames).toEqual([]);
  });

  test('has a whole keepalive and five seconds once it is read again', () => {
    const { fake } = paused(6.5);
    vi.advanceTimersByTime(6_999);
    expect([fake.reading, fake.frames]).toEqual([true, []]);
    vi.advanceTimersByTime(15_000);
    expect(fake.frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    vi.advanceTimersByTime(4_999);
    expect(fake.ended).toBeNull();
    vi.advanceTimersByTime(1);
    expect(fake.ended).toBe('terminated');
  });
});
