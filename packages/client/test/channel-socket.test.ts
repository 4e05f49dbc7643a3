// Queues that a peer, or an application, can make long: taking from them must not cost their length.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChannelSocket } from '../src/channel-socket.js';

const MANY = 60_000;
const { shift } = Array.prototype;
/** The longest array from whose front something was taken: V8 moves all of a long one. */
let longest = 0;

beforeEach(() => {
  longest = 0;
  Array.prototype.shift = function (this: unknown[]) {
    longest = Math.max(longest, this.length);
    return shift.call(this);
  };
});
afterEach(() => {
  Array.prototype.shift = shift;
});

function newSocket() {
  const socket = new ChannelSocket({ url: 'ws://localhost/', peer: '00', resource: '/' });
  const received: unknown[] = [];
  let done: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  socket.listener = {
    opened() {},
    acknowledged() {},
    closed() {},
    message(data) {
      if (received.push(data) === MANY) done();
    },
  };
  return { socket, received, all };
}

const messages = Array.from({ length: MANY }, (_, i) => `${i}`);

test('messages that came while paused are delivered in order, each at the same cost', async () => {
  const { socket, received, all } = newSocket();
  socket.pause();
  for (const data of messages) socket.receive({ type: 'message', data });
  expect(received).toEqual([]);
  socket.resume();
  await all;
  expect(received).toEqual(messages);
  expect(longest).toBeLessThan(1_000);
});

test('messages that wait behind a Blob are sent in order, each at the same cost', async () => {
  const sent: unknown[] = [];
  const handle = { send: (item: unknown) => sent.push(item), bufferedAmount: 0, protocol: '' };
  const target = { url: 'ws://localhost/', peer: '00', resource: '/' };
  const socket = ChannelSocket.accepted(target, null as never, handle as never);
  socket.send(new Blob(['first']));
  for (const data of messages) socket.send(data);
  expect(socket.bufferedAmount).toBe(5 + messages.join('').length);
  while (sent.length <= MANY) await new Promise(setImmediate);
  expect(sent).toEqual([new TextEncoder().encode('first'), ...messages]);
  expect([socket.bufferedAmount, longest < 1_000]).toEqual([0, true]);
});

test('messages that came in one turn are delivered in order, each at the same cost', async () => {
  const { socket, received, all } = newSocket();
  for (const data of messages) socket.receive({ type: 'message', data });
  await all;
  expect(received).toEqual(messages);
  expect(longest).toBeLessThan(1_000);
});
