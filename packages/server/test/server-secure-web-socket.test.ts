import { expect, test } from 'vitest';
import { ServerCounters, ServerSecureWebSocket, type SocketLike } from '../src/index.js';

test('a client that provokes notices and never reads them is cut: they do not pile up', () => {
  let waiting = 0;
  let terminated = false;
  const neverRead: SocketLike = {
    send: (data) => {
      waiting += data.length;
    },
    close: () => {},
    terminate: () => {
      terminated = true;
    },
    canPause: true,
    pause: () => {},
    resume: () => {},
    bytesReceived: () => null,
    onmessage: null,
    onwritten: null,
    onclose: null,
  };
  const counters = new ServerCounters();
  const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
  const publicKey = 'ab'.repeat(32);
  const socket = new ServerSecureWebSocket(
    neverRead,
    { publicKey, term: 1, limits, keepalive: 15, encoding: 'binary', remoteAddress: null, meter: null },
    counters,
  );
  let closed = 0;
  socket.onclose = () => closed++;
  for (let i = 0; i < 20_000; i++) {
    socket.notify({ type: 'UNDELIVERABLE', to: publicKey, head: '00'.repeat(25), code: 'offline' });
  }
  expect(terminated).toBe(true);
  expect(closed).toBe(1);
  expect(waiting).toBeLessThanOrEqual(1_048_576);
  expect(counters.refusals.get('unread-notices')).toBe(1);
});
