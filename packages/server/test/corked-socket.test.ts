import { expect, test } from 'vitest';
import { MAX_BACKPRESSURE_BYTES } from '../src/adapters/backpressure.js';
import { CorkedSocket } from '../src/adapters/corked-socket.js';

/** A library that holds all that it is given, until told how much is left. */
class HeldSocket extends CorkedSocket {
  readonly given: number[] = [];
  readonly ends: (number | 'cut')[] = [];
  left: number | null = null;
  asked = 0;
  protected override write(batch: readonly (string | Uint8Array)[]): void {
    this.given.push(...batch.map(({ length }) => length));
  }
  protected override bufferedBytes(): number {
    this.asked++;
    return this.left ?? this.given.reduce((sum, bytes) => sum + bytes, 0);
  }
  protected override end(code: number): void {
    this.ends.push(code);
  }
  protected override cut(): void {
    this.ends.push('cut');
  }
}

test('each message is reported once, as written or as dropped', () => {
  const socket = new HeldSocket();
  const told: number[] = [];
  socket.onwritten = (count) => told.push(count);
  socket.onclose = () => told.push(-1);
  for (const bytes of [10, 20, 30]) socket.send(new Uint8Array(bytes));
  socket.endTurn();
  expect(told).toEqual([]);
  socket.left = 45; // some of the second is written
  socket.drained();
  expect(told).toEqual([1]);
  socket.send(new Uint8Array(40));
  socket.closed(null);
  expect(told).toEqual([1, -1, 2]);
  socket.endTurn(); // what the turn had sent goes nowhere
  expect([told, socket.given]).toEqual([
    [1, -1, 2, 1],
    [10, 20, 30],
  ]);
  socket.drained();
  expect(told).toHaveLength(4);
});

test('the library is asked nothing about a connection that is gone', () => {
  const socket = new HeldSocket();
  socket.drained();
  expect(socket.asked).toBe(1);
  socket.closed(null);
  socket.drained();
  expect(socket.asked).toBe(1);
});

test('a single message dropped with its connection is reported', () => {
  const socket = new HeldSocket();
  let told = 0;
  socket.onwritten = (count) => {
    told += count;
  };
  socket.send(new Uint8Array(10));
  socket.endTurn();
  socket.closed(null);
  expect(told).toBe(1);
});

test('the last message counts as written when no byte of it is held', () => {
  const socket = new HeldSocket();
  let told = 0;
  socket.onwritten = (count) => {
    told += count;
  };
  socket.left = 30;
  for (const data of [new Uint8Array(10), 'é'.repeat(10)]) socket.send(data);
  socket.endTurn();
  for (const [left, written] of [
    [21, 0],
    [20, 1],
    [1, 1],
    [0, 2],
  ] as const) {
    socket.left = left;
    socket.drained();
    expect([left, told, socket.behind]).toEqual([left, written, written < 2]);
  }
});

test('closes after the turn’s messages, and not twice', () => {
  const socket = new HeldSocket();
  socket.send(new Uint8Array(10));
  socket.close(4400, 'why');
  socket.terminate();
  expect([socket.given, socket.ends]).toEqual([[10], [4400, 'cut']]);
  let ended = 0;
  socket.onclose = () => ended++;
  socket.closed(null);
  socket.closed(null);
  expect(ended).toBe(1);
  socket.close(4400, 'why');
  socket.terminate();
  expect(socket.ends).toEqual([4400, 'cut']);
});

test('the library drops nothing that the router lets wait: 8 MiB for one receiver, and 1 MiB of notices', () => {
  expect(MAX_BACKPRESSURE_BYTES).toBeGreaterThan(9 * 1_048_576);
  expect(MAX_BACKPRESSURE_BYTES).toBeLessThanOrEqual(16 * 1_048_576);
});
