import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackplaneNode, FIRST_OWN_KIND, inProcessBackplane, RecordBatch, RecordStream } from '@sws/router';
import { backplaneTests } from '@sws/router/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LocalBackplane, MAX_UNSENT_BYTES } from '../src/workers/local-backplane.js';
import { nearAndFar } from '../src/workers/near-and-far.js';
import { SharedCounts } from '../src/workers/shared-counts.js';
import type { SiblingRecord } from '../src/workers/sibling.js';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const PATIENCE = { timeout: 5_000, interval: 5 };
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0).reverse()) undo();
});

/** A place where local backplanes meet: each new one dials those before it. */
function meetingPlace(): (counts?: SharedCounts) => Promise<LocalBackplane> {
  const folder = mkdtempSync(join(tmpdir(), 'sws-local-'));
  cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
  const paths: string[] = [];
  return async (counts) => {
    const path = join(folder, String(paths.length));
    const backplane = await LocalBackplane.open({ path, ...(counts === undefined ? {} : { counts }) });
    await backplane.dial(paths);
    paths.push(path);
    return backplane;
  };
}

const nodeOf = (nodeId: string, over: Partial<BackplaneNode> = {}): BackplaneNode => ({
  nodeId,
  claimed: () => {},
  message: () => null,
  gone: () => {},
  undeliverable: () => {},
  ...over,
});
const takingInto = (keys: string[]): Partial<BackplaneNode> => ({
  message(to) {
    keys.push(to);
    return null;
  },
});
/** A worker's backplane, and a sibling of it that says what a test has it say. */
async function withSibling() {
  const folder = mkdtempSync(join(tmpdir(), 'sws-local-'));
  cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'one');
  const backplane = await LocalBackplane.open({ path });
  const link = backplane.join(nodeOf('one'));
  const socket = connect(path);
  cleanup.push(() => {
    socket.destroy();
    link.leave();
  });
  const heard: SiblingRecord[] = [];
  const own = (_: number, body: Uint8Array) => heard.push(JSON.parse(Buffer.from(body).toString())) > 0;
  const stream = new RecordStream({ message: () => {}, undeliverable: () => {}, own });
  socket.on('data', (chunk) => stream.read(chunk));
  const batch = new RecordBatch((parts) => socket.write(Buffer.concat(parts)));
  const tell = (record: SiblingRecord) => batch.own(FIRST_OWN_KIND, Buffer.from(JSON.stringify(record)));
  return { folder, backplane, link, socket, heard, tell };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
const messageOf = (bytes: number): Uint8Array => {
  const message = new Uint8Array(33 + bytes);
  message.set(Buffer.from(A, 'hex'), 1);
  return message;
};

describe('local backplane', () => {
  test.each(backplaneTests)('$name', async ({ run }) => {
    const open = meetingPlace();
    await run(() => open());
  });

  test.each(backplaneTests)('before another: $name', async ({ run }) => {
    const open = meetingPlace();
    const far = inProcessBackplane();
    await run(async () => nearAndFar(await open(), far));
  });

  test('a new worker knows the held keys before it listens', async () => {
    const open = meetingPlace();
    const heard: string[] = [];
    const first = (await open()).join(nodeOf('one', takingInto(heard)));
    first.claim({ key: B, term: 3, nodeId: 'one', connectionId: 1 });
    const late = await open();
    const link = late.join(nodeOf('two'));
    await late.met();
    expect(link.publish(B, A, messageOf(10))).toBe(null);
    expect(await link.highestTerm(B)).toBe(3);
    expect(heard).toEqual([B]);
  });

  test('messages between workers are counted, in messages and bytes', async () => {
    const open = meetingPlace();
    const [one, heard] = [await open(), [] as string[]];
    const link = one.join(nodeOf('one'));
    const two = await open();
    two.join(nodeOf('two', takingInto(heard))).claim({ key: B, term: 1, nodeId: 'two', connectionId: 1 });
    await expect.poll(() => link.publish(B, A, messageOf(10)), PATIENCE).toBe(null);
    for (let i = 0; i < 2; i++) expect(link.publish(B, A, messageOf(100))).toBe(null);
    await expect.poll(() => heard.length, PATIENCE).toBe(3);
    const none = { published: 0, publishedBytes: 0, received: 0, receivedBytes: 0, congested: 0 };
    expect(one.counters).toEqual({ ...none, published: 3, publishedBytes: 43 + 133 + 133 });
    expect(two.counters).toEqual({ ...none, received: 3, receivedBytes: 43 + 133 + 133 });
  });

  test('a sibling that left is skipped; a second router at one worker throws', async () => {
    const { folder, backplane } = await withSibling();
    await backplane.dial([join(folder, 'gone')]);
    expect(() => backplane.join(nodeOf('another'))).toThrow('a local backplane is one worker’s');
  });

  test('a key at two workers belongs to the greater claim, then to the other, then to none', async () => {
    const open = meetingPlace();
    const gone: string[] = [];
    const link = (await open()).join(nodeOf('one', { gone: (key, term) => void gone.push(`${key}@${term}`) }));
    const heard: [string[], string[]] = [[], []];
    const [two, three] = [
      (await open()).join(nodeOf('two', takingInto(heard[0]))),
      (await open()).join(nodeOf('three', takingInto(heard[1]))),
    ];
    two.claim({ key: B, term: 2, nodeId: 'two', connectionId: 1 });
    three.claim({ key: B, term: 1, nodeId: 'three', connectionId: 1 });
    const counts = () => heard.map(({ length }) => length);
    await expect.poll(() => link.highestTerm(B), PATIENCE).toBe(2);
    expect(link.publish(B, A, messageOf(1))).toBe(null);
    await expect.poll(counts, PATIENCE).toEqual([1, 0]);
    two.leave();
    await expect.poll(() => link.publish(B, A, messageOf(1)) === null && heard[1].length > 0, PATIENCE).toBe(true);
    expect(gone).toEqual([]);
    three.leave();
    await expect.poll(() => gone, PATIENCE).toEqual([`${B}@1`]);
  });

  test('a dead worker’s keys are offline, and their peers get PEER_GONE', async () => {
    const open = meetingPlace();
    const gone: string[] = [];
    const one = await open();
    const link = one.join(nodeOf('one', { gone: (key, term) => void gone.push(`${key}@${term}`) }));
    const dying = (await open()).join(nodeOf('two'));
    dying.claim({ key: B, term: 3, nodeId: 'two', connectionId: 1 });
    await expect.poll(() => link.publish(B, A, messageOf(1)), PATIENCE).toBe(null);
    dying.leave();
    await expect.poll(() => gone, PATIENCE).toEqual([`${B}@3`]);
    expect(link.publish(B, A, messageOf(1))).toBe('offline');
  });

  test('a holder is asked for its term; after a second of silence its last claim counts', async () => {
    const { link, heard, tell } = await withSibling();
    tell({ type: 'claim', claim: { key: B, term: 3, nodeId: 'two', connectionId: 1 } });
    await expect.poll(() => link.publish(B, A, messageOf(1)), PATIENCE).toBe(null);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    cleanup.push(() => void vi.useRealTimers());
    const terms: number[] = [];
    void link.highestTerm(B).then((term) => terms.push(term));
    await vi.advanceTimersByTimeAsync(999);
    expect(terms).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect([terms, vi.getTimerCount()]).toEqual([[3], 0]);
    vi.useRealTimers();
    const asked = () => heard.filter((record) => record.type === 'ask');
    const term = link.highestTerm(B);
    await expect.poll(() => asked().map(({ key }) => key), PATIENCE).toEqual([B, B]);
    tell({ type: 'answer', id: asked()[1]?.id ?? 0, term: 9 });
    expect(await term).toBe(9);
  });

  test('a starting worker waits at most 3 s for its siblings’ keys', async () => {
    const { backplane, heard, tell } = await withSibling();
    await expect.poll(() => heard.map(({ type }) => type), PATIENCE).toEqual(['met']);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    cleanup.push(() => void vi.useRealTimers());
    let met = 0;
    void backplane.met().then(() => met++);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(met).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(met).toBe(1);
    const told = backplane.met();
    tell({ type: 'met' });
    await told;
    await backplane.met(); // of those that have told there is nothing to wait for
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a lost connection to a sibling is dialled again after 100 ms', async () => {
    const { folder, backplane } = await withSibling();
    const sockets: Socket[] = [];
    const other = createServer((socket) => sockets.push(socket.resume())).listen(join(folder, 'other'));
    cleanup.push(() => {
      for (const socket of sockets) socket.destroy();
      other.close();
    });
    await once(other, 'listening');
    await backplane.dial([join(folder, 'other')]);
    await expect.poll(() => sockets.length, PATIENCE).toBe(1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    cleanup.push(() => void vi.useRealTimers());
    sockets[0]?.destroy();
    while (vi.getTimerCount() === 0) await turn(); // `expect.poll` would have the time pass
    vi.advanceTimersByTime(99);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    await expect.poll(() => sockets.length, PATIENCE).toBe(2);
  });

  test('a worker that left sends nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-local-'));
    cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'other');
    const ended: Promise<number>[] = [];
    const other = createServer((socket) => {
      let bytes = 0;
      socket.on('data', ({ length }) => {
        bytes += length;
      });
      ended.push(once(socket, 'close').then(() => bytes));
    }).listen(path);
    cleanup.push(() => other.close());
    await once(other, 'listening');
    const backplane = await LocalBackplane.open({ path: join(folder, 'one') });
    const link = backplane.join(nodeOf('one'));
    link.leave();
    link.claim({ key: B, term: 1, nodeId: 'one', connectionId: 1 });
    await backplane.dial([path]);
    await expect.poll(() => ended.length, PATIENCE).toBe(1);
    expect(await ended[0]).toBe(0);
  });

  test('what was sent before a worker left arrives, although it claims a key afterwards', async () => {
    const { link, tell, socket } = await withSibling();
    tell({ type: 'claim', claim: { key: B, term: 1, nodeId: 'two', connectionId: 1 } });
    await expect.poll(() => link.publish(B, A, messageOf(1)), PATIENCE).toBe(null);
    socket.pause();
    const before = socket.bytesRead;
    const sent = 100 * 65_000; // more than the kernel takes
    for (let bytes = 0; bytes < sent; bytes += 65_000) expect(link.publish(B, A, messageOf(65_000))).toBe(null);
    link.leave();
    link.claim({ key: A, term: 1, nodeId: 'one', connectionId: 1 });
    await turn();
    socket.resume();
    await once(socket, 'close');
    expect(socket.bytesRead - before).toBeGreaterThan(sent);
  });

  test('a stalled sibling gets a bounded number of bytes, and others still get theirs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-local-'));
    cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
    const one = await LocalBackplane.open({ path: join(folder, 'one') });
    const link = one.join(nodeOf('one'));
    cleanup.push(() => link.leave());
    const still = connect(join(folder, 'one')).pause();
    cleanup.push(() => still.destroy());
    const claim = { key: A, term: 1, nodeId: 'still', connectionId: 1 };
    const batch = new RecordBatch((parts) => still.write(Buffer.concat(parts)));
    batch.own(FIRST_OWN_KIND, Buffer.from(JSON.stringify({ type: 'claim', claim })));
    const arrived: string[] = [];
    const other = await LocalBackplane.open({ path: join(folder, 'two') });
    await other.dial([join(folder, 'one')]);
    const otherLink = other.join(nodeOf('two', takingInto(arrived)));
    cleanup.push(() => otherLink.leave());
    otherLink.claim({ key: B, term: 1, nodeId: 'two', connectionId: 1 });
    await expect.poll(() => [A, B].map((key) => link.publish(key, A, messageOf(1))), PATIENCE).toEqual([null, null]);
    let sent = 0;
    while (link.publish(A, A, messageOf(65_000)) === null) if (++sent % 10 === 0) await turn();
    expect(sent * 65_000).toBeGreaterThan(1_000_000);
    expect(sent * 65_000).toBeLessThan(MAX_UNSENT_BYTES);
    expect(one.counters.congested).toBe(1);
    arrived.length = 0;
    for (let i = 0; i < 100; i++) expect(link.publish(B, A, messageOf(1_000))).toBe(null);
    await expect.poll(() => arrived.length, PATIENCE).toBe(100);
    // When it moves again, all that was taken comes.
    let read = 0;
    still.on('data', ({ length }) => {
      read += length;
    });
    still.resume();
    await expect.poll(() => read, PATIENCE).toBeGreaterThan(sent * 65_000);
    expect(link.publish(A, A, messageOf(65_000))).toBe(null);
  });

  test('an invalid record closes only its socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-local-'));
    cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'one');
    const backplane = await LocalBackplane.open({ path });
    const link = backplane.join(nodeOf('one'));
    cleanup.push(() => link.leave());
    const json: Uint8Array[] = [];
    const batch = new RecordBatch((parts) => json.push(...parts));
    batch.own(FIRST_OWN_KIND, Buffer.from('{'));
    batch.flush();
    for (const bytes of [new Uint8Array(10), ...json]) {
      const socket = connect(path);
      const closed = vi.fn();
      socket
        .on('close', closed)
        .on('error', () => {})
        .resume();
      socket.write(bytes);
      await expect.poll(() => closed.mock.calls.length, PATIENCE).toBe(1);
    }
    expect(link.publish(B, A, messageOf(1))).toBe('offline');
  });

  test('all workers know an address’s connections, and forget them with their worker', async () => {
    const open = meetingPlace();
    const [one, two, three] = [new SharedCounts(), new SharedCounts(), new SharedCounts()];
    (await open(one)).join(nodeOf('one'));
    one.elsewhere.connections.onchange?.('192.0.2.1', 2);
    const dying = (await open(two)).join(nodeOf('two'));
    two.elsewhere.connections.onchange?.('192.0.2.1', 1);
    two.elsewhere.pending.onchange?.('192.0.2.7', 5);
    (await open(three)).join(nodeOf('three'));
    const seen = () =>
      [three, one].map(({ elsewhere: { connections, pending } }) => [
        connections.of('192.0.2.1'),
        connections.size,
        pending.of('192.0.2.7'),
      ]);
    await expect.poll(seen, PATIENCE).toEqual([
      [3, 3, 5],
      [1, 1, 5],
    ]);
    one.elsewhere.connections.onchange?.('192.0.2.1', 1);
    one.elsewhere.connections.onchange?.('192.0.2.1', 0);
    await expect.poll(seen, PATIENCE).toEqual([
      [1, 1, 5],
      [1, 1, 5],
    ]);
    dying.leave();
    await expect.poll(seen, PATIENCE).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});
