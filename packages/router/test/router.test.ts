import { encodeMessage } from '@sws/protocol';
import { expect, test, vi } from 'vitest';
import { inProcessBackplane, Router, type RouterOptions } from '../src/index.js';
import { A, B, keyBytes, register } from './fake-socket.js';

const newRouter = (options?: RouterOptions) => new Router(options);

test('a message arrives with its sender’s key, in the buffer that came', async () => {
  const router = newRouter();
  const [a, b] = [await register(router, A), await register(router, B)];
  const message = encodeMessage(keyBytes(B), Uint8Array.of(1, 2, 3));
  a.onmessage?.(message);
  expect(b.delivered[0]).toBe(message);
  expect(message.subarray(1, 33)).toEqual(keyBytes(A));
  expect(router.counters.routed).toBe(1);
});

test('a message to the sender’s own key comes back to it', async () => {
  const router = newRouter();
  const a = await register(router, A);
  a.send(A, Uint8Array.of(7));
  expect(a.delivered).toEqual([encodeMessage(keyBytes(A), Uint8Array.of(7))]);
  expect(a.frames).toEqual([]);
});

test('offline, message-too-large and congested return the head of the message', async () => {
  const router = newRouter();
  const a = await register(router, A);
  a.send(B, new Uint8Array(40).fill(5));
  expect(a.frames[0]).toEqual({ type: 'UNDELIVERABLE', to: B, head: '05'.repeat(25), code: 'offline' });
  const b = await register(router, B);
  a.send(B, new Uint8Array(70_000));
  expect(a.frames[1]).toMatchObject({ code: 'message-too-large' });
  for (let i = 0; i < 60; i++) a.send(B, new Uint8Array(60_000));
  expect(a.frames.at(-1)).toMatchObject({ code: 'congested' });
  const queued = b.delivered.length;
  b.onwritten?.(queued);
  expect(router.queuedBytes).toBe(0);
  a.send(B, new Uint8Array(60_000));
  expect(b.delivered).toHaveLength(queued + 1);
});

test('the newest registration wins, in one router and across nodes', async () => {
  const backplane = inProcessBackplane();
  const [one, two] = [newRouter({ backplane, nodeId: '1' }), newRouter({ backplane, nodeId: '2' })];
  const first = await register(one, A);
  const second = await register(one, A);
  expect(first.closedWith).toMatchObject({ code: 'replaced' });
  const third = await register(two, A);
  expect(third.term).toBeGreaterThan(second.term);
  expect(second.closedWith).toMatchObject({ code: 'replaced' });
  expect([one.size, two.size]).toEqual([0, 1]);
});

test('nodes route to each other, and send PEER_GONE', async () => {
  const backplane = inProcessBackplane();
  const [one, two] = [newRouter({ backplane, nodeId: '1' }), newRouter({ backplane, nodeId: '2' })];
  const [a, b] = [await register(one, A), await register(two, B)];
  a.send(B, Uint8Array.of(9));
  expect(b.delivered).toHaveLength(1);
  b.close({ code: 'normal', detail: '' });
  expect(a.frames).toEqual([{ type: 'PEER_GONE', publicKey: B }]);
  a.send(B, Uint8Array.of(9));
  expect(a.frames[1]).toMatchObject({ code: 'offline' });
});

test('drain sends RESTARTING, closes clients that stay, and admits nobody', async () => {
  const router = newRouter();
  const a = await register(router, A);
  await router.drain({ reconnectInMs: 10, spreadMs: 20, deadlineMs: 50 });
  expect(a.frames[0]).toEqual({ type: 'RESTARTING', reconnectIn: 10, spread: 20 });
  expect(a.closedWith).toMatchObject({ code: 'restarting' });
  expect(await router.admit(B, 0)).toMatchObject({ ok: false });
});

test('drain ends when the last client leaves', async () => {
  vi.useFakeTimers();
  try {
    const router = newRouter();
    const [a, b] = [await register(router, A), await register(router, B)];
    let drained = false;
    const draining = router.drain({ deadlineMs: 10_000 }).then(() => {
      drained = true;
    });
    a.close({ code: 'normal', detail: '' });
    await vi.advanceTimersByTimeAsync(9_000);
    expect(drained).toBe(false);
    b.close({ code: 'normal', detail: '' });
    await draining;
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('PEER_GONE goes only to peers that exchanged a delivered message', async () => {
  const router = newRouter();
  const [a, b] = [await register(router, A), await register(router, B)];
  b.close({ code: 'normal', detail: '' });
  a.send(B, Uint8Array.of(1));
  const again = await register(router, B);
  again.close({ code: 'normal', detail: '' });
  expect(a.frames.map(({ type }) => type)).toEqual(['UNDELIVERABLE']);
  expect(router.counters.peerGone).toBe(0);
});

test('senders reach a receiver again after it reconnects', async () => {
  const router = newRouter();
  const [a, b] = [await register(router, A), await register(router, B)];
  a.send(B, Uint8Array.of(1));
  b.close({ code: 'normal', detail: '' });
  a.send(B, Uint8Array.of(2));
  const back = await register(router, B);
  a.send(B, Uint8Array.of(3));
  expect(back.delivered.map((message) => message[33])).toEqual([3]);
  expect(a.frames.map(({ type }) => type)).toEqual(['PEER_GONE', 'UNDELIVERABLE']);
});

test('a limit out of range is refused, naming the option', () => {
  expect(() => newRouter({ limits: { maxMessage: 1_000 } })).toThrow(/limits\.maxMessage/);
  expect(() => newRouter({ limits: { messagesPerSecond: 0 } })).toThrow(/limits\.messagesPerSecond/);
  expect(() => newRouter({ addressLimits: { bytesPerSecond: Number.NaN } })).toThrow(/addressLimits\.bytesPerSecond/);
});

test('a Buffer from ws is routed like other bytes: each message to its own receiver', async () => {
  const router = newRouter();
  const [a, b] = [await register(router, A), await register(router, B)];
  for (let i = 0; i < 3; i++) {
    for (const key of [B, A]) a.onmessage?.(Buffer.from(encodeMessage(keyBytes(key), Uint8Array.of(i))));
  }
  expect(b.delivered.map((message) => message[33])).toEqual([0, 1, 2]);
  expect(a.delivered.map((message) => message[33])).toEqual([0, 1, 2]);
});

test('a sender gets one BACKLOG before anything is refused', async () => {
  const router = new Router({ limits: { maxMessage: 65_536 } });
  const [a, c] = [await register(router, A), await register(router, `${'cc'.repeat(31)}00`)];
  const b = await register(router, B);
  for (let i = 0; i < 16; i++) a.send(B, new Uint8Array(60_000));
  expect(a.frames).toEqual([{ type: 'BACKLOG', to: B }]);
  expect(router.counters.undeliverable.congested).toBe(0);
  c.send(B, new Uint8Array(60_000));
  expect(c.frames).toEqual([]);
  // All of it is written.
  b.onwritten?.(17);
  for (let i = 0; i < 16; i++) a.send(B, new Uint8Array(60_000));
  expect(a.frames).toHaveLength(2);
});
