import { type Encoding, encodeMessage, type RelayFrame } from '@sws/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Meter, ServerCounters, ServerSecureWebSocket, type SocketLike } from '../src/index.js';

const KEY = `${'ab'.repeat(31)}00`;
const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };

/** A socket that never writes until told. */
class FakeSocket implements SocketLike {
  readonly canPause: boolean;
  readonly sent: (string | Uint8Array)[] = [];
  reading = true;
  ended: number | 'terminated' | null = null;
  bytes: number | null = null;
  onmessage: ((data: string | Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: ((cause: 'bad-frame' | 'message-too-large' | null) => void) | null = null;

  constructor(canPause = true) {
    this.canPause = canPause;
  }
  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }
  close(code: number): void {
    this.ended ??= code;
  }
  terminate(): void {
    this.ended ??= 'terminated';
  }
  pause(): void {
    this.reading = false;
  }
  resume(): void {
    this.reading = true;
  }
  bytesReceived(): number | null {
    return this.bytes;
  }
  get frames(): RelayFrame[] {
    return this.sent.filter((data) => typeof data === 'string').map((text) => JSON.parse(String(text)));
  }
}

/** So many messages, then one every 10 ms. */
class FakeMeter implements Meter {
  #fullAt = 0;
  readonly #burst: number;
  constructor(burst: number) {
    this.#burst = burst;
  }
  waitMs(nowMs: number): number {
    return Math.max(0, this.#fullAt - nowMs - this.#burst * 10);
  }
  charge(_bytes: number, nowMs: number): void {
    this.#fullAt = Math.max(this.#fullAt, nowMs) + 10;
  }
}

const all: Made[] = [];
interface Made {
  readonly socket: ServerSecureWebSocket;
  readonly fake: FakeSocket;
  readonly counters: ServerCounters;
  readonly got: Uint8Array[];
  closed: number;
}
function make(options: { meter?: Meter; canPause?: boolean; encoding?: Encoding; keepalive?: number } = {}): Made {
  const { meter = null, canPause = true, encoding = 'binary', keepalive = 15 } = options;
  const [fake, counters] = [new FakeSocket(canPause), new ServerCounters()];
  const registered = { publicKey: KEY, term: 1, limits: LIMITS, keepalive, encoding, remoteAddress: null, meter };
  const socket = new ServerSecureWebSocket(fake, registered, counters);
  const made: Made = { socket, fake, counters, got: [], closed: 0 };
  socket.onmessage = (message) => made.got.push(message);
  socket.onclose = () => made.closed++;
  all.push(made);
  return made;
}
const message = (bytes = 10): Uint8Array => encodeMessage(new Uint8Array(32).fill(7), new Uint8Array(bytes));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  // All sockets of a process share their timers: what a test leaves open would keep one of its clock.
  for (const { socket } of all.splice(0)) socket.close({ code: 'normal', detail: '' });
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();
});

describe('what a client leaves unread', () => {
  test('notices of 1 MiB cut it: they do not pile up', () => {
    const made = make();
    for (let i = 0; i < 20_000; i++)
      made.socket.notify({ type: 'UNDELIVERABLE', to: KEY, head: '00'.repeat(25), code: 'offline' });
    expect(made.fake.ended).toBe('terminated');
    expect(made.closed).toBe(1);
    expect(made.fake.sent.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(1_048_576);
    expect(made.counters.refusals.get('unread-notices')).toBe(1);
  });

  test('notices that it reads do not count, and only MESSAGEs are told as written', () => {
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

describe('over its rate', () => {
  test('a sender is paused as long as it takes, and no longer than keepalive', () => {
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

  test('while it is paused it hears PING every half keepalive, and its silence counts for nothing', () => {
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
    expect(made.fake.frames.every(({ type }) => type === 'PING')).toBe(true);
  });

  test('where it can’t be paused, each message is answered with congested, and past 1 MiB comes 4429', () => {
    const made = make({ meter: new FakeMeter(5), canPause: false });
    made.socket.start();
    for (let i = 0; i < 8; i++) made.fake.onmessage?.(message(60_000));
    expect(made.got).toHaveLength(6);
    expect(made.fake.frames).toMatchObject([{ code: 'congested' }, { code: 'congested' }]);
    vi.advanceTimersByTime(2_000);
    for (let i = 0; i < 6 + 17; i++) made.fake.onmessage?.(message(60_000));
    expect(made.fake.ended).toBeNull(); // it had taken heed for more than a second
    made.fake.onmessage?.(message(60_000));
    expect(made.fake.ended).toBe(4429);
    expect(made.counters.refusals.get('congested')).toBe(19);
    expect(made.counters.refusals.get('rate-limited')).toBe(1);
  });
});

describe('silence', () => {
  test('after keepalive comes a PING, five seconds later the end', () => {
    const made = make();
    made.socket.start();
    vi.advanceTimersByTime(14_900);
    expect(made.fake.frames).toEqual([]);
    vi.advanceTimersByTime(1_200);
    expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    vi.advanceTimersByTime(6_000);
    expect(made.fake.ended).toBe('terminated');
    expect(made.counters.refusals.get('connection-lost')).toBe(1);
    expect(made.closed).toBe(1);
    expect(vi.getTimerCount()).toBe(0); // the last connection takes the timer with it
  });

  test('any byte is a sign of life, a message that is still coming in as well', () => {
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

  test('a relay that stood still itself asks before it calls anyone dead', () => {
    const made = make();
    made.socket.start();
    vi.advanceTimersByTime(1_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1_000);
    expect(made.fake.ended).toBeNull();
    vi.advanceTimersByTime(16_000);
    expect(made.fake.frames).toEqual([{ type: 'PING', id: 1 }]);
  });
});

test('a flood on one socket yields to the others: it is read on only in the next turn', () => {
  const made = make();
  made.socket.start();
  let read = 0;
  while (made.fake.reading && read < 10_000) {
    made.fake.onmessage?.(message(1_000));
    read++;
  }
  expect(read).toBeLessThan(500);
  vi.advanceTimersToNextTimer(); // the end of the turn
  expect(made.fake.reading).toBe(true);
});

test('what comes before `start` is kept for it, in order, up to 1 MiB', () => {
  const made = make({ canPause: false });
  for (let i = 0; i < 5; i++) made.fake.onmessage?.(message(i));
  expect(made.got).toEqual([]);
  made.socket.start();
  expect(made.got.map(({ length }) => length)).toEqual([33, 34, 35, 36, 37]);
  const flooded = make({ canPause: false });
  for (let i = 0; i < 20; i++) flooded.fake.onmessage?.(message(60_000));
  expect(flooded.fake.ended).toBe(4429);
});

test('what the library ended is counted by its cause', () => {
  for (const cause of ['bad-frame', 'message-too-large'] as const) {
    const made = make();
    made.fake.onclose?.(cause);
    expect(made.counters.refusals.get(cause)).toBe(1);
    expect(made.closed).toBe(1);
  }
});
