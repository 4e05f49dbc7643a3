import { type Encoding, encodeMessage } from '@sws/protocol';
import { afterEach, beforeEach, vi } from 'vitest';
import { type Meter, ServerCounters, ServerSecureWebSocket } from '../src/index.js';
import { FakeSocket } from './fake-socket.js';

export const KEY = `${'ab'.repeat(31)}00`;
export const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };

/** So many messages, then one every 10 ms. */
export class FakeMeter implements Meter {
  #fullAt = 0;
  readonly #burst: number;
  constructor(burst: number) {
    this.#burst = burst;
  }
  waitMs(nowMs: number): number {
    return Math.max(0, this.#fullAt - nowMs - this.#burst * 10);
  }
  charge(_bytes: number, nowMs: number, messages = 1): void {
    this.#fullAt = Math.max(this.#fullAt, nowMs) + 10 * messages;
  }
}

const all: Made[] = [];
export interface Made {
  readonly socket: ServerSecureWebSocket;
  readonly fake: FakeSocket;
  readonly counters: ServerCounters;
  readonly got: Uint8Array[];
  closed: number;
}
interface MadeOf {
  readonly meter?: Meter;
  readonly canPause?: boolean;
  readonly encoding?: Encoding;
  readonly keepalive?: number;
  readonly counters?: ServerCounters;
}
/** A registered socket over one of ours; it is closed after the test. */
export function make(options: MadeOf = {}): Made {
  const {
    meter = null,
    canPause = true,
    encoding = 'binary',
    keepalive = 15,
    counters = new ServerCounters(),
  } = options;
  const fake = new FakeSocket(canPause);
  const registered = { publicKey: KEY, term: 1, limits: LIMITS, keepalive, encoding, remoteAddress: null, meter };
  const socket = new ServerSecureWebSocket(fake, registered, counters);
  const made: Made = { socket, fake, counters, got: [], closed: 0 };
  socket.onmessage = (message) => made.got.push(message);
  socket.onclose = () => made.closed++;
  all.push(made);
  return made;
}
export const message = (bytes = 10): Uint8Array => encodeMessage(new Uint8Array(32).fill(7), new Uint8Array(bytes));

/** The tests of this file have a clock of their own. */
export function useOwnClock(): void {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    // All sockets of a process share their timers: what a test leaves open would keep one of its clock.
    for (const { socket } of all.splice(0)) socket.close({ code: 'normal', detail: '' });
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
  });
}
