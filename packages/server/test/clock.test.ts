import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Identity, SwsError } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeMessage } from '@sws/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { accept, type Meter, ServerCounters, ServerSecureWebSocket } from '../src/index.js';
import { PreRequestLimits } from '../src/pre-request-limits.js';
import { TrustedProxies } from '../src/remote-address.js';
import { FakeSocket } from './fake-socket.js';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
const identity = Identity.generate(randomBytes, nodeProvider);
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const steps: [string, number][] = [
  ['back by 10 s', -10 * SECOND],
  ['back by 2 min', -120 * SECOND],
  ['back by an hour', -HOUR],
  ['forward by an hour', HOUR],
];
const stepWallClock = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();
});

describe.each(steps)('the wall clock steps %s', (_, ms) => {
  test('an unfinished request or TLS handshake is cut off after 10 s, also after the step', () => {
    const server = new EventEmitter() as unknown as Server;
    const handshakes = new PreRequestLimits(server, {}, new TrustedProxies([]), new ServerCounters());
    const connection = (port: number) => {
      const socket = Object.assign(new EventEmitter(), {
        remoteAddress: '192.0.2.1',
        remotePort: port,
        destroy: vi.fn(),
      });
      server.emit('connection', socket);
      return socket;
    };
    const before = connection(1);
    vi.advanceTimersByTime(9_000);
    stepWallClock(ms);
    const after = connection(2);
    vi.advanceTimersByTime(999);
    expect(before.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(before.destroy).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(8_999);
    expect(after.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(after.destroy).toHaveBeenCalledOnce();
    handshakes.close();
  });

  test('an unregistered connection is closed after 5 s', async () => {
    const socket = new FakeSocket();
    const admit = () => ({ ok: true, term: 1, limits: LIMITS, keepalive: 15 }) as const;
    const registered = accept(socket, null, { identity, admit });
    const failure = registered.catch((error: unknown) => (error instanceof SwsError ? error.code : error));
    vi.advanceTimersByTime(4_000);
    stepWallClock(ms);
    vi.advanceTimersByTime(990);
    expect(socket.ended).toBeNull();
    vi.advanceTimersByTime(20);
    expect(socket.ended).toBe(4408);
    expect(await failure).toBe('registration-timeout');
  });

  const registeredSocket = (meter: Meter | null = null) => {
    const fake = new FakeSocket();
    const registered = {
      publicKey: 'ab'.repeat(32),
      term: 1,
      limits: LIMITS,
      keepalive: 15,
      encoding: 'binary',
    } as const;
    const socket = new ServerSecureWebSocket(fake, { ...registered, remoteAddress: null, meter }, new ServerCounters());
    socket.onmessage = () => {};
    socket.start();
    return { fake, socket };
  };

  test('a silent client gets a PING after 15 s, and is cut off 5 s later', () => {
    const { fake } = registeredSocket();
    vi.advanceTimersByTime(10_000);
    stepWallClock(ms);
    vi.advanceTimersByTime(4_500);
    expect(fake.frames).toEqual([]);
    vi.advanceTimersByTime(1_500);
    expect(fake.frames).toEqual([{ type: 'PING', id: 1 }]);
    stepWallClock(ms);
    vi.advanceTimersByTime(3_500);
    expect(fake.ended).toBeNull();
    vi.advanceTimersByTime(1_500);
    expect(fake.ended).toBe('terminated');
  });

  test('a sender over its rate is paused for its messages, not for the step', () => {
    // 100 a second, 200 at once.
    let fullAt = 0;
    const { fake, socket } = registeredSocket({
      charge: (_, nowMs) => {
        fullAt = Math.max(fullAt, nowMs) + 10;
      },
      waitMs: (nowMs) => Math.max(0, fullAt - nowMs - 2_000),
    });
    const message = encodeMessage(new Uint8Array(32).fill(7), new Uint8Array(10));
    for (let i = 0; i < 300; i++) fake.onmessage?.(message);
    expect(fake.reading).toBe(false);
    stepWallClock(ms);
    vi.advanceTimersByTime(900);
    expect(fake.reading).toBe(false);
    vi.advanceTimersByTime(150);
    expect(fake.reading).toBe(true);
    // Under load, the clock steps again and again: 100 a second go through, neither more nor fewer.
    let sent = 0;
    for (let tenth = 0; tenth < 200; tenth++) {
      if (tenth % 20 === 0) stepWallClock(ms);
      for (; fake.reading && sent < 100_000; sent++) fake.onmessage?.(message);
      vi.advanceTimersByTime(100);
    }
    expect(sent).toBeGreaterThan(1_900);
    expect(sent).toBeLessThan(2_300);
    socket.close({ code: 'normal', detail: '' });
  });
});

/** Terms are ordered by the wall clock (PROTOCOL §2, Terms): no interval. */
const TERMS = 'nextTerm(known, lastTerm, Date.now())';

test('no interval is measured with the wall clock', () => {
  const folders = ['../src', '../../router/src', '../../router-nats/src', '../../../apps/relay/src'];
  const wall = folders.flatMap((folder) => {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /\bDate\.now\b|new Date\(\)/.test(readFileSync(`${path}/${file}`, 'utf8').replace(TERMS, '')))
      .map((file) => `${folder}/${file}`);
  });
  expect(wall).toEqual([]);
});
