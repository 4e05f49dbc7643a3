import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { encodeMessage } from '@sws/protocol';
import { afterEach, expect, test } from 'vitest';
import { type Attached, type Meter, type ServerSecureWebSocket, serveUpgrades } from '../src/index.js';
import { BINARY, CLOSE, frameOf, PING, PONG, RawClient, TEXT } from './raw-client.js';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
const peer = Identity.generate(randomBytes, nodeProvider);
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
/** So many messages and no more. */
const onlySo = (messages: number): Meter => ({
  charge(_bytes, _now, count = 1) {
    messages -= count;
  },
  waitMs: () => (messages < 0 ? 10_000 : 0),
});

interface Served {
  readonly port: number;
  readonly attached: Attached;
  readonly sockets: ServerSecureWebSocket[];
  /** The server's ends of the TCP connections. */
  readonly ends: Socket[];
}
async function serve(meter?: Meter): Promise<Served> {
  const server = createServer();
  const [sockets, ends]: [ServerSecureWebSocket[], Socket[]] = [[], []];
  server.on('connection', (end) => ends.push(end));
  const attached = serveUpgrades(server, {
    identity: Identity.generate(randomBytes, nodeProvider),
    admit: () => ({ ok: true, term: 1, limits: LIMITS, keepalive: 15, ...(meter === undefined ? {} : { meter }) }),
    onSocket: (socket) => {
      sockets.push(socket);
      socket.onmessage = (message) => socket.deliver(message);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    attached.close();
    for (const end of ends) end.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, attached, sockets, ends };
}
async function client({ port }: Served): Promise<RawClient> {
  const raw = await RawClient.registered(port, Identity.generate(randomBytes, nodeProvider));
  closing.push(() => raw.socket.destroy());
  return raw;
}

test.each([
  ['pings', frameOf(PING)],
  ['pongs', frameOf(PONG)],
  [
    'fragments',
    Buffer.concat([
      frameOf(0x02, encodeMessage(peer.publicKeyBytes(), new Uint8Array(1))),
      ...Array.from({ length: 998 }, () => frameOf(0)),
      frameOf(0x80),
    ]),
  ],
])('a flood of %s is limited to the rate of messages', async (_, piece) => {
  const served = await serve(onlySo(2_000));
  const raw = await client(served);
  let gone = false;
  raw.socket.on('close', () => {
    gone = true;
  });
  const flood = Buffer.concat(Array.from({ length: Math.ceil(6_000_000 / piece.length) }, () => piece));
  raw.socket.write(flood);
  // The server reads no more than what fits into the reads that were under way.
  await expect.poll(() => served.attached.counters.pauses).toBe(1);
  const { receivedFrames } = served.attached.counters;
  expect(receivedFrames).toBeGreaterThan(1_000);
  expect(receivedFrames).toBeLessThan(50_000);
  expect([gone, served.ends[0]?.isPaused()]).toEqual([false, true]);
});

test('a ping is answered with its payload', async () => {
  const raw = await client(await serve());
  raw.socket.write(frameOf(PING, Buffer.from('are you there')));
  expect(await raw.next()).toEqual({ first: PONG, payload: Buffer.from('are you there') });
});

test('of unread answers to a flood of pings, at most two wait', async () => {
  const served = await serve();
  const raw = await client(served);
  const [end, socket] = [served.ends[0], served.sockets[0]];
  if (end === undefined || socket === undefined) throw new Error('not registered');
  raw.socket.pause();
  for (let i = 0; i < 200; i++) socket.deliver(new Uint8Array(60_000)); // the kernel takes no more
  await expect.poll(() => end.writableLength).toBeGreaterThan(1_000_000);
  const before = end.writableLength;
  const payload = Buffer.alloc(125, 7);
  const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frameOf(PING, payload)));
  for (let i = 0; i < 20; i++) if (!raw.socket.write(pings)) await once(raw.socket, 'drain');
  raw.socket.write(frameOf(PING, Buffer.from('last')));
  await expect.poll(() => served.attached.counters.receivedFrames).toBe(20_001);
  expect(end.writableLength - before).toBeLessThan(300);
  raw.socket.resume();
  let answers = 0;
  for (let last = ''; last !== 'last'; ) {
    const { first, payload: answer } = await raw.next();
    if (first !== PONG) continue;
    answers++;
    last = answer.toString();
  }
  expect(answers).toBeLessThanOrEqual(3);
});

test('a fragmented message arrives as one', async () => {
  const served = await serve();
  const raw = await client(served);
  const message = encodeMessage(peer.publicKeyBytes(), randomBytes(300));
  raw.socket.write(frameOf(0x02, message.subarray(0, 100)));
  raw.socket.write(frameOf(PING));
  raw.socket.write(frameOf(0x00, message.subarray(100, 200)));
  raw.socket.write(frameOf(0x80, message.subarray(200)));
  const frames = [await raw.next(), await raw.next()];
  expect(frames.map(({ first }) => first).sort()).toEqual([BINARY, PONG].sort());
  expect(frames.find(({ first }) => first === BINARY)?.payload).toEqual(Buffer.from(message));
  const { receivedMessages, receivedFrames } = served.attached.counters;
  expect([receivedMessages, receivedFrames]).toEqual([1, 3]);
});

test('a message may have at most 1,024 fragments', async () => {
  const served = await serve();
  const raw = await client(served);
  const start = frameOf(0x02, encodeMessage(peer.publicKeyBytes(), new Uint8Array(10)));
  const fragments = (count: number): Buffer[] => Array.from({ length: count }, () => frameOf(0));
  raw.socket.write(Buffer.concat([start, ...fragments(1_022), frameOf(0x80)]));
  expect((await raw.next()).first).toBe(BINARY);
  raw.socket.write(Buffer.concat([start, ...fragments(1_023), frameOf(0x80)]));
  expect((await raw.next()).first).toBe(CLOSE);
});

test('a frame may arrive in pieces of at least 64 bytes on average', async () => {
  const served = await serve();
  const raw = await client(served);
  const [end] = served.ends;
  // The largest frame that is read has 175,787 bytes.
  const pieces = Math.ceil(175_787 / 64);
  const frame = frameOf(BINARY, encodeMessage(peer.publicKeyBytes(), new Uint8Array(60_000)));
  const head = frame.length - 60_033;
  const send = (first: number, count: number): void => {
    for (let i = first; i < first + count; i++) end?.emit('data', frame.subarray(head + i, head + i + 1));
  };
  end?.emit('data', frame.subarray(0, head));
  const written = end?.bytesWritten;
  send(0, pieces);
  await new Promise((resolve) => setImmediate(resolve));
  expect([end?.destroyed, end?.bytesWritten]).toEqual([false, written]);
  raw.socket.write(frameOf(PING)); // is part of the frame now
  expect((await raw.next()).first).toBe(CLOSE);
});

test('nothing is written after a Close frame', async () => {
  const served = await serve();
  const raw = await client(served);
  const [socket] = served.sockets;
  if (socket === undefined) throw new Error('not registered');
  // The Close and what the relay wants to say come in one turn: ws answers the Close first.
  socket.onmessage = () => {
    for (let i = 0; i < 3; i++) socket.deliver(new Uint8Array(100));
    socket.deliver(new Uint8Array(20_000));
  };
  const message = encodeMessage(peer.publicKeyBytes(), new Uint8Array(10));
  raw.socket.write(Buffer.concat([frameOf(BINARY, message), frameOf(PING), frameOf(CLOSE, Buffer.of(3, 232))]));
  await once(raw.socket, 'end');
  const frames: number[] = [];
  for (let frame = raw.take(); frame !== null; frame = raw.take()) frames.push(frame.first);
  expect(frames.at(-1)).toBe(CLOSE);
  expect(frames.filter((first) => first === CLOSE)).toHaveLength(1);
});

test('every delivered message is reported in the end, however the connection ends', async () => {
  const served = await serve();
  for (const ending of ['client', 'relay', 'garbage', 'close'] as const) {
    const raw = await client(served);
    const socket = served.sockets.at(-1);
    if (socket === undefined) throw new Error('not registered');
    raw.socket.pause();
    let waiting = 0;
    socket.onwritten = (count) => {
      waiting -= count;
    };
    for (let i = 0; i < 400; i++) {
      socket.deliver(new Uint8Array(60_000));
      socket.deliver(new Uint8Array(100));
      waiting += 2;
    }
    await expect.poll(() => served.ends.at(-1)?.writableLength).toBeGreaterThan(1_000_000);
    if (ending === 'client') raw.socket.resetAndDestroy();
    else if (ending === 'relay') served.ends.at(-1)?.destroy();
    else if (ending === 'garbage') raw.socket.write(frameOf(TEXT, Buffer.from('{')));
    else socket.close({ code: 'replaced', detail: '' });
    await expect.poll(() => waiting, { timeout: 5_000, message: ending }).toBe(0);
  }
}, 20_000);
