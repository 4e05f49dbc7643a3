import { decodeHex } from '@sws/crypto';
import { encodeMessage, type Failure, type RelayFrame } from '@sws/protocol';
import { type RegisteredSocket, Router } from '@sws/router';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NatsBackplane, natsBackplane } from '../src/index.js';

const PATIENCE = { timeout: 10_000, interval: 10 };

class FakeSocket implements RegisteredSocket {
  readonly publicKey: string;
  readonly publicKeyBytes: Uint8Array;
  readonly network = null;
  readonly term: number;
  onmessage: ((message: Uint8Array) => void) | null = null;
  onwritten: ((count: number) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly delivered: Uint8Array[] = [];
  readonly frames: RelayFrame[] = [];
  closedWith: Failure | null = null;

  constructor(publicKey: string, term: number) {
    this.publicKey = publicKey;
    this.term = term;
    this.publicKeyBytes = decodeHex(publicKey) ?? new Uint8Array(32);
  }
  deliver(message: Uint8Array): void {
    this.delivered.push(message);
    this.onwritten?.(1);
  }
  notify(frame: RelayFrame): void {
    this.frames.push(frame);
  }
  close(failure: Failure): void {
    this.closedWith = failure;
    this.onclose?.();
  }
  send(to: string, content: Uint8Array): void {
    this.onmessage?.(encodeMessage(decodeHex(to) ?? new Uint8Array(32), content));
  }
}

async function register(router: Router, key: string, lastTerm = 0): Promise<FakeSocket> {
  const admission = await router.admit(key, lastTerm);
  if (!admission.ok) throw new Error(admission.failure.detail);
  const socket = new FakeSocket(key, admission.term);
  router.add(socket);
  return socket;
}

describe.skipIf(!hasNatsServer)('three routers on NATS (skipped where nats-server is not installed)', () => {
  let server: NatsServer;
  const ends: NatsBackplane[] = [];
  const routers: Router[] = [];
  beforeAll(async () => {
    server = await NatsServer.start();
    for (const nodeId of ['n1', 'n2', 'n3']) {
      const backplane = await natsBackplane({ connection: { servers: server.url } });
      ends.push(backplane);
      routers.push(new Router({ backplane, nodeId }));
    }
  });
  afterAll(async () => {
    for (const router of routers) router.close();
    for (const end of ends) await end.close();
    await server.stop();
  });
  const router = (i: number): Router => {
    const found = routers[i];
    if (found === undefined) throw new Error('no such router');
    return found;
  };
  const keyOf = (i: number): string => `${i.toString(16).padStart(4, '0')}${'5a'.repeat(29)}00`;

  test('a key that registers on three nodes at once ends up at one, where it is reachable', async () => {
    const [keys, sockets] = [Array.from({ length: 30 }, (_, i) => keyOf(i)), [] as FakeSocket[][]];
    for (const key of keys) sockets.push(await Promise.all([0, 1, 2].map((i) => register(router(i), key))));
    await expect.poll(() => router(0).size + router(1).size + router(2).size, PATIENCE).toBe(keys.length);
    const sender = await register(router(0), keyOf(999));
    for (const [i, key] of keys.entries()) {
      const open = (sockets[i] ?? []).filter(({ closedWith }) => closedWith === null);
      expect(open).toHaveLength(1);
      await expect
        .poll(() => {
          if (open[0]?.delivered.length === 0) sender.send(key, Uint8Array.of(i));
          return open[0]?.delivered.length;
        }, PATIENCE)
        .toBeGreaterThan(0);
    }
    expect(sockets.flat().filter(({ closedWith }) => closedWith?.code === 'replaced')).toHaveLength(60);
  });

  test('the newest registration wins across nodes, with the highest term', async () => {
    const key = keyOf(100);
    let last: FakeSocket | null = null;
    for (const i of [0, 1, 2, 1, 0]) {
      // Until NATS has the holder's subscription, the two register at the same moment.
      const known = last?.term ?? 0;
      await expect
        .poll(async () => {
          const admission = await router(i).admit(key, 0);
          return admission.ok && admission.term > known;
        }, PATIENCE)
        .toBe(true);
      const socket: FakeSocket = await register(router(i), key);
      expect(socket.term).toBeGreaterThan(last?.term ?? 0);
      const older: FakeSocket | null = last;
      if (older !== null) await expect.poll(() => older.closedWith?.code, PATIENCE).toBe('replaced');
      expect(socket.closedWith).toBeNull();
      last = socket;
    }
  });

  test('offline and PEER_GONE reach senders at other nodes', async () => {
    const [a, b] = [await register(router(0), keyOf(200)), await register(router(2), keyOf(201))];
    await expect
      .poll(() => {
        a.send(b.publicKey, Uint8Array.of(7));
        return b.delivered.length;
      }, PATIENCE)
      .toBeGreaterThan(0);
    expect(Uint8Array.from(b.delivered[0]?.subarray(1, 33) ?? [])).toEqual(a.publicKeyBytes);
    a.frames.length = 0;
    b.close({ code: 'normal', detail: '' });
    await expect.poll(() => a.frames, PATIENCE).toContainEqual({ type: 'PEER_GONE', publicKey: b.publicKey });
    a.send(b.publicKey, Uint8Array.of(8));
    const told = { type: 'UNDELIVERABLE', to: b.publicKey, head: '08', code: 'offline' };
    await expect.poll(() => a.frames, PATIENCE).toContainEqual(told);
    expect(router(0).counters.undeliverable.offline).toBeGreaterThan(0);
  });
});
