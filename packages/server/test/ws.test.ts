import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
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

function open(): { readonly raw: Raw; readonly socket: ReturnType<typeof wsSocket>; readonly written: number[] } {
  const raw = new Raw();
  const socket = wsSocket(Object.assign(new EventEmitter(), { readyState: 1 }) as unknown as WebSocket, raw);
  const written: number[] = [];
  socket.onwritten = (count) => written.push(count);
  return { raw, socket, written };
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

test('large messages of one read are one write, behind the small ones before them, and wait for no other read', async () => {
  const { raw, socket, written } = open();
  const sizes = [10, 16_384, 20, 30, 9_000, 40];
  for (const size of sizes) socket.send(new Uint8Array(size));
  expect(raw.writes).toEqual([]);
  await afterTick();
  expect(raw.writes.map(lengthsIn)).toEqual([sizes]);
  await afterTick();
  expect(written).toEqual([6]);
});

test('64 KiB of large messages wait for nothing; a large one is not copied', async () => {
  const { raw, socket } = open();
  const large = new Uint8Array(65_536);
  let chunk: Uint8Array | undefined;
  raw._writev = (chunks) => {
    chunk = chunks.at(-1)?.chunk;
  };
  socket.send(large);
  expect(chunk?.buffer).toBe(large.buffer);
});
