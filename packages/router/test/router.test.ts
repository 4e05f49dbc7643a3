import { decodeHex } from '@sws/crypto';
import { encodeMessage, type Failure, type RelayFrame } from '@sws/protocol';
import { expect, test } from 'vitest';
import {
  answerClaim,
  inProcessBackplane,
  ReceiverQueue,
  type RegisteredSocket,
  Router,
  type RouterOptions,
} from '../src/index.js';

const keyBytes = (hex: string): Uint8Array => decodeHex(hex) ?? new Uint8Array(32);

class FakeSocket implements RegisteredSocket {
  readonly publicKeyBytes: Uint8Array;
  onmessage: ((message: Uint8Array) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly delivered: Uint8Array[] = [];
  readonly frames: RelayFrame[] = [];
  readonly pending: (() => void)[] = [];
  closedWith: Failure | null = null;
  readonly publicKey: string;
  readonly term: number;

  constructor(publicKey: string, term: number) {
    this.publicKey = publicKey;
    this.term = term;
    this.publicKeyBytes = keyBytes(publicKey);
  }
  deliver(message: Uint8Array, done: () => void): void {
    this.delivered.push(message);
    this.pending.push(done);
  }
  notify(frame: RelayFrame): void {
    this.frames.push(frame);
  }
  close(failure: Failure): void {
    this.closedWith = failure;
    this.onclose?.();
  }
  send(to: string, content: Uint8Array): void {
    this.onmessage?.(encodeMessage(keyBytes(to), content));
  }
}

const A = `${'aa'.repeat(31)}00`;
const B = `${'bb'.repeat(31)}00`;

async function register(router: Router, key: string, lastTerm = 0): Promise<FakeSocket> {
  const admission = await router.admit(key, lastTerm);
  if (!admission.ok) throw new Error(admission.failure.detail);
  const socket = new FakeSocket(key, admission.term);
  router.attach(socket);
  return socket;
}

const newRouter = (options?: RouterOptions) => new Router(options);

test('a message arrives under its sender’s key, in the buffer that came', async () => {
  const router = newRouter();
  const [a, b] = [await register(router, A), await register(router, B)];
  const message = encodeMessage(keyBytes(B), Uint8Array.of(1, 2, 3));
  a.onmessage?.(message);
  expect(b.delivered[0]).toBe(message);
  expect(message.subarray(1, 33)).toEqual(keyBytes(A));
  expect(router.counters.routed).toBe(1);
});

test('offline, too-large and congested come back with the head of the message', async () => {
  const router = newRouter();
  const a = await register(router, A);
  a.send(B, new Uint8Array(40).fill(5));
  expect(a.frames[0]).toEqual({ type: 'UNDELIVERABLE', to: B, head: '05'.repeat(25), code: 'offline' });
  const b = await register(router, B);
  a.send(B, new Uint8Array(70_000));
  expect(a.frames[1]).toMatchObject({ code: 'too-large' });
  for (let i = 0; i < 60; i++) a.send(B, new Uint8Array(60_000));
  expect(a.frames.at(-1)).toMatchObject({ code: 'congested' });
  const queued = b.pending.length;
  for (const done of b.pending.splice(0)) done();
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

test('nodes route to each other, and tell of those who went', async () => {
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

test('claims: greater closes, lesser is answered, the same is nothing', () => {
  const own = { key: A, term: 5, nodeId: 'm', connectionId: 3 };
  expect(answerClaim(own, { ...own, term: 6 })).toBe('close-own');
  expect(answerClaim(own, { ...own, term: 4 })).toBe('announce-own');
  expect(answerClaim(own, { ...own, nodeId: 'n' })).toBe('close-own');
  expect(answerClaim(own, { ...own, nodeId: 'l' })).toBe('announce-own');
  expect(answerClaim(own, { ...own, connectionId: 4 })).toBe('close-own');
  expect(answerClaim(own, own)).toBe('nothing');
});

test('a queue is shared: many senders shrink each other, one alone has 1 MiB to spare', () => {
  const queue = new ReceiverQueue();
  let alone = 0;
  while (queue.take('a', 65_536)) alone += 65_536;
  expect(alone).toBeGreaterThan(1_048_576);
  let others = 0;
  for (let i = 0; i < 1_000; i++) if (queue.take(`s${i}`, 65_536)) others++;
  expect(others).toBeGreaterThan(20);
  expect(queue.bytes).toBeLessThanOrEqual(8 * 1_048_576);
});

test('drain asks clients to come back, closes those who stay, and admits nobody', async () => {
  const router = newRouter();
  const a = await register(router, A);
  await router.drain({ reconnectInMs: 10, spreadMs: 20, deadlineMs: 50 });
  expect(a.frames[0]).toEqual({ type: 'RESTARTING', reconnectIn: 10, spread: 20 });
  expect(a.closedWith).toMatchObject({ code: 'restarting' });
  expect(await router.admit(B, 0)).toMatchObject({ ok: false });
});
