import { encodeMessage } from '@sws/protocol';
import { expect, test } from 'vitest';
import { Registration } from '../src/registration.js';
import { A, B, FakeSocket, keyBytes } from './fake-socket.js';

test('a receiver is looked up once for all its messages, Buffers included', () => {
  const socket = new FakeSocket(A, 1);
  const sender = new Registration(socket, { key: A, term: 1, nodeId: 'n', connectionId: 1 });
  const next = (): Buffer => Buffer.from(encodeMessage(keyBytes(B), new Uint8Array(10)));
  const first = next();
  const route = sender.routeOf(first);
  expect(route.address).toBe(B);
  // The router writes the sender's key over the receiver's in the very buffer that came.
  first.set(socket.publicKeyBytes, 1);
  expect(sender.routeOf(next())).toBe(route);
});
