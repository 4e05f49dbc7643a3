import { connect } from '@nats-io/transport-node';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type NatsBackplane, natsBackplane } from '../src/index.js';
import { MAX_KNOWN_KEYS, NodeBatches, readBatch } from '../src/node-batches.js';
import { RecordingNode } from './recording-node.js';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const PATIENCE = { timeout: 10_000, interval: 5 };

const numbered = (i: number, bytes = 100): Uint8Array => {
  const message = new Uint8Array(bytes);
  message.set(Buffer.from(A, 'hex'), 1);
  new DataView(message.buffer).setUint32(33, i);
  return message;
};
const numbersOf = ({ messages }: RecordingNode): number[] =>
  messages.map((message) => new DataView(message.buffer, message.byteOffset).getUint32(33));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe.skipIf(!hasNatsServer)('batches over NATS (skipped where nats-server is not installed)', () => {
  let server: NatsServer;
  const cleanup: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterEach(async () => {
    for (const undo of cleanup.splice(0).reverse()) await undo();
  });
  afterAll(() => server.stop());

  async function open(nodeId: string): Promise<RecordingNode & { readonly backplane: NatsBackplane }> {
    const backplane = await natsBackplane({ connection: { servers: server.url } });
    cleanup.push(() => backplane.close());
    return Object.assign(new RecordingNode(nodeId, backplane), { backplane });
  }

  /** Publishes one at a time until they go in batches: what was said on the way is forgotten. */
  async function known(from: RecordingNode, to: RecordingNode, batches: readonly unknown[]): Promise<void> {
    await expect
      .poll(() => {
        from.link.publish(B, A, numbered(0));
        return batches.length;
      }, PATIENCE)
      .toBeGreaterThan(0);
    const last = numbered(4_000_000_000);
    from.link.publish(B, A, last);
    await expect.poll(() => numbersOf(to).at(-1), PATIENCE).toBe(4_000_000_000);
    to.messages.length = 0;
    from.undelivered.length = 0;
  }

  async function watchBatches(subject: string): Promise<Uint8Array[]> {
    const seen: Uint8Array[] = [];
    const stranger = await connect({ servers: server.url });
    cleanup.push(() => stranger.close());
    stranger.subscribe(subject, { callback: (_, { data }) => void seen.push(data) });
    await stranger.flush();
    return seen;
  }

  test('one turn sends one NATS message to each node, and gets one with the answers', async () => {
    const [toB, toA] = [await watchBatches('sws.node.b.batch'), await watchBatches('sws.node.a.batch')];
    const [a, b] = [await open('a'), await open('b')];
    b.hold(B, 1);
    await known(a, b, toB);
    toB.length = 0;
    for (const i of upTo(300)) a.link.publish(B, A, numbered(i));
    await expect.poll(() => b.messages.length, PATIENCE).toBe(300);
    expect(numbersOf(b)).toEqual(upTo(300));
    expect(toB.length).toBe(1);
    expect(toA.length).toBe(0);
    b.answer = 'congested';
    for (const i of upTo(300)) a.link.publish(B, A, numbered(i));
    await expect.poll(() => a.undelivered.length, PATIENCE).toBe(300);
    expect(toA.length).toBe(1);
    // A turn that has more than a batch may hold is several, and what is larger than a batch goes by itself.
    toB.length = 0;
    for (const i of upTo(10)) a.link.publish(B, A, numbered(i, 100_000));
    a.link.publish(B, A, numbered(10, 400_000));
    await expect.poll(() => a.undelivered.length, PATIENCE).toBe(311);
    expect(toB.length).toBe(5);
  });

  test('every MESSAGE reaches a key that moves between nodes', async () => {
    const toB = await watchBatches('sws.node.b.batch');
    const [a, b, c] = [await open('a'), await open('b'), await open('c')];
    b.hold(B, 1);
    await known(a, b, toB);
    c.hold(B, 2);
    await expect.poll(() => b.own.has(B), PATIENCE).toBe(false);
    for (const i of upTo(200)) a.link.publish(B, A, numbered(i));
    await expect.poll(() => b.messages.length + c.messages.length, PATIENCE).toBe(200);
    expect([...numbersOf(b), ...numbersOf(c)]).toEqual(upTo(200));
    toB.length = 0;
    a.link.publish(B, A, numbered(200));
    await expect.poll(() => c.messages.length + b.messages.length, PATIENCE).toBe(201);
    expect(toB.length).toBe(0);
    expect(a.undelivered).toEqual([]);
  });

  test('messages on their way to a key that leaves come back as offline', async () => {
    const toB = await watchBatches('sws.node.b.batch');
    const [a, b] = [await open('a'), await open('b')];
    b.hold(B, 1);
    await known(a, b, toB);
    b.link.release(B);
    for (const i of upTo(50)) a.link.publish(B, A, numbered(i));
    await expect.poll(() => a.undelivered, PATIENCE).toEqual(Array(50).fill('offline'));
    expect(b.messages).toEqual([]);
  });

  test('messages batched for a node that dies reach keys that registered elsewhere', async () => {
    const answers = await watchBatches('sws.node.a.>');
    const [a, b, c] = [await open('a'), await open('b'), await open('c')];
    b.hold(B, 1);
    await known(a, b, answers);
    expect(await a.link.highestTerm(B)).toBe(1); // whatever b said before is known by now
    await b.backplane.close(); // as a crash: nobody listens to its subjects any more
    c.hold(B, 2);
    await expect.poll(() => a.link.highestTerm(B), PATIENCE).toBe(2); // NATS knows where it is
    for (const i of upTo(100)) a.link.publish(B, A, numbered(i));
    await expect.poll(() => c.messages.length, PATIENCE).toBe(100);
    expect(numbersOf(c)).toEqual(upTo(100));
    expect(a.undelivered).toEqual([]);
  });
});

test('the cache of key locations is bounded, and a MESSAGE that comes back goes to its key’s subject', () => {
  const sent: [string, Uint8Array][] = [];
  const batches = new NodeBatches(
    'own',
    (nodeId, bytes) => void sent.push([nodeId, bytes]),
    () => 1_000_000,
  );
  const keyOf = (i: number): string => i.toString(16).padStart(64, '0');
  for (let i = 0; i < MAX_KNOWN_KEYS + 10; i++) batches.learn(keyOf(i), `node-${i % 3}`);
  expect(batches.known).toBe(MAX_KNOWN_KEYS);
  expect(batches.message(keyOf(0), numbered(0))).toBe(false);
  expect(batches.message(keyOf(10), numbered(1))).toBe(true);
  batches.moved('node-1', keyOf(11), numbered(2));
  batches.flush();
  const heard: unknown[] = [];
  for (const [, bytes] of sent)
    expect(
      readBatch(bytes, {
        message: (nodeId, to, message) => void heard.push(['message', nodeId, to, message.length]),
        moved: (to, message) => void heard.push(['moved', to, message.length]),
        undeliverable: () => {},
      }),
    ).toBe(true);
  expect(heard).toEqual([
    ['message', 'own', keyOf(10), 100],
    ['moved', keyOf(11), 100],
  ]);
});
