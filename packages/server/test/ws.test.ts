import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { wsSocket } from '../src/adapters/ws.js';

/** A TCP socket that notes what each write to the kernel would hold. */
class Raw extends Duplex {
  readonly writes: Buffer[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.writes.push(chunk);
    done();
  }
  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    done();
  }
}

function open() {
  const raw = new Raw();
  const ws = Object.assign(new EventEmitter(), { readyState: 1 });
  const socket = wsSocket(ws as unknown as WebSocket, raw);
  const written: number[] = [];
  socket.onwritten = (count) => written.push(count);
  return { raw, ws, socket, written };
}
/** The payload lengths of whole server frames. */
function lengthsIn(frames: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < frames.length; ) {
    const short = frames.readUInt8(at + 1);
    const length = short < 126 ? short : short === 126 ? frames.readUInt16BE(at + 2) : frames.readUInt32BE(at + 6);
    at += (short < 126 ? 2 : short === 126 ? 4 : 10) + length;
    lengths.push(length);
  }
  return lengths;
}
const afterTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const afterTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('small messages of one turn are one write', async () => {
  const { raw, socket, written } = open();
  const sizes = [0, 125, 126, 8_000];
  for (const size of sizes) socket.send(new Uint8Array(size));
  await afterTick();
  expect(raw.writes).toEqual([]);
  await afterTurn();
  expect(raw.writes.map(lengthsIn)).toEqual([sizes]);
  expect(written).toEqual([4]);
});

test('large messages of one read are one write, after earlier small ones', async () => {
  const { raw, socket, written } = open();
  const sizes = [10, 16_384, 20, 30, 9_000, 40];
  for (const size of sizes) socket.send(new Uint8Array(size));
  expect(raw.writes).toEqual([]);
  await afterTick();
  expect(raw.writes.map(lengthsIn)).toEqual([sizes]);
  await afterTick();
  expect(written).toEqual([6]);
});

test('64 KiB of large messages are written at once; a large one is not copied', async () => {
  const { raw, socket } = open();
  const large = new Uint8Array(65_536);
  let chunk: Uint8Array | undefined;
  raw._writev = (chunks) => {
    chunk = chunks.at(-1)?.chunk;
  };
  socket.send(large);
  expect(chunk?.buffer).toBe(large.buffer);
});

test('sent messages go out before the close, with code and reason; later ones are reported as gone', async () => {
  const { raw, ws, socket, written } = open();
  const calls: unknown[] = [];
  Object.assign(ws, {
    close: (...given: unknown[]) => calls.push(['close', ...given, raw.writes.length]),
    terminate: () => calls.push('terminate'),
  });
  socket.send('before');
  socket.close(4409, 'why');
  ws.readyState = 2;
  socket.send('after');
  socket.send('after');
  await afterTurn();
  socket.terminate();
  expect(calls).toEqual([['close', 4409, 'why', 1], 'terminate']);
  expect([raw.writes.map(lengthsIn), written]).toEqual([[[6]], [1, 2]]);
});

test('received bytes are the socket’s, if it counts them', () => {
  const { raw, socket } = open();
  expect(socket.bytesReceived()).toBeNull();
  Object.assign(raw, { bytesRead: 7 });
  expect(socket.bytesReceived()).toBe(7);
});

test('a message of 8 KiB counts as large', async () => {
  for (const [bytes, isCopied] of [
    [8_191, true],
    [8_192, false],
  ] as const) {
    const { raw, socket } = open();
    const { buffer } = new Uint8Array(bytes);
    const given: ArrayBufferLike[] = [];
    raw._writev = (chunks) => given.push(...chunks.map(({ chunk }) => chunk.buffer));
    raw._write = (chunk) => given.push(chunk.buffer);
    socket.send(new Uint8Array(buffer));
    await afterTurn();
    expect([bytes, !given.includes(buffer)]).toEqual([bytes, isCopied]);
  }
});

test('a waiting large message does not retain its read buffer', async () => {
  const { raw, socket } = open();
  const kept: Uint8Array[] = [];
  let written = (): void => {};
  raw._writev = (chunks, done) => {
    kept.push(...chunks.map(({ chunk }) => chunk));
    written = done;
  };
  const read = Buffer.alloc(65_536, 7);
  socket.send(read.subarray(0, 10_000));
  await afterTick();
  expect(kept.at(-1)?.buffer).toBe(read.buffer); // the kernel may take it at once
  const sizes = [10_000, 10_000, 30_000, 32_768];
  for (const size of sizes) {
    socket.send(read.subarray(10_000, 10_000 + size));
    await afterTick();
  }
  const whole = new Uint8Array(40_000);
  socket.send(whole);
  await afterTick();
  written();
  const large = kept.filter(({ length }) => length >= 10_000).slice(1);
  expect(large.map(({ length }) => length)).toEqual([...sizes, 40_000]);
  for (const one of large) expect(one.buffer.byteLength).toBeLessThanOrEqual(2 * one.length);
  expect(Buffer.compare(large[0] ?? new Uint8Array(0), Buffer.alloc(10_000, 7))).toBe(0);
  expect(large[3]?.buffer).toBe(read.buffer); // half of it: not worth a copy
  expect(large.at(-1)?.buffer).toBe(whole.buffer); // what is its own is not copied
});

test('a copied message is not retained until it is written', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { raw, socket } = open();
  raw._write = () => {}; // the kernel takes nothing
  const send = (bytes: number): WeakRef<ArrayBufferLike> => {
    const { buffer } = new Uint8Array(bytes);
    socket.send(new Uint8Array(buffer, 0, bytes));
    return new WeakRef(buffer);
  };
  const kept = [send(100), send(200)];
  await afterTurn();
  expect(raw.writableLength).toBe(306);
  await expect
    .poll(() => {
      collect();
      return kept.map((one) => one.deref());
    })
    .toEqual([undefined, undefined]);
});

test('a violation of RFC 6455 is reported once by cause, and the connection cut off after 2 s', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  for (const [code, cause] of [
    ['WS_ERR_INVALID_UTF8', 'bad-frame'],
    ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'message-too-large'],
    ['ECONNRESET', null],
    [undefined, null],
  ] as const) {
    const { raw, ws, socket } = open();
    const causes: unknown[] = [];
    socket.onclose = (given) => causes.push(given);
    ws.emit('error', Object.assign(new Error('why'), code === undefined ? {} : { code }));
    await afterTurn();
    expect([causes, raw.isPaused()]).toEqual(cause === null ? [[], false] : [[cause], true]);
    vi.advanceTimersByTime(1_999);
    expect(raw.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(raw.destroyed).toBe(cause !== null);
    ws.emit('close');
    expect(causes).toEqual([cause]);
  }
  vi.useRealTimers();
});

test('a process may end although a client that broke RFC 6455 does not close', () => {
  const { ws } = open();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  ws.emit('error', Object.assign(new Error('why'), { code: 'WS_ERR_INVALID_UTF8' }));
  expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
  timers.mockRestore();
});
