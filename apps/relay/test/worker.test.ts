// One of several workers, without a process that has started it: what it says, and what it does when it is told.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromWorker, ToWorker } from '../src/workers/orders.js';
import { joinWorkers } from '../src/workers/worker.js';

let said: FromWorker[] = [];
let hear: (message: ToWorker) => void = () => {};
let exit = vi.fn();

beforeEach(() => {
  said = [];
  exit = vi.fn();
  vi.spyOn(process, 'exit').mockImplementation(exit as never);
  // The process that runs the tests has messages of its own: they pass each other by.
  const { send } = process;
  process.send = (message: FromWorker) => said.push(message) > 0;
  vi.spyOn(process, 'on').mockImplementation((event: string | symbol, listener) => {
    if (event === 'message') hear = listener;
    return process;
  });
  void joinWorkers();
  if (send === undefined) Reflect.deleteProperty(process, 'send');
  else process.send = send;
});
afterEach(() => void vi.restoreAllMocks());

test('a worker introduces itself', () => {
  expect(said).toEqual([{ type: 'hello' }]);
});

test('a worker that is ended before it has begun exits with 0', () => {
  hear({ type: 'signal', signal: 'SIGHUP' });
  expect(exit).not.toHaveBeenCalled();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) hear({ type: 'signal', signal });
  expect(exit.mock.calls).toEqual([[0], [0]]);
});
