import { once } from 'node:events';
import { Endpoint, Identity, randomBytes } from '@sws/client';
import { Running } from '@sws/testing/example-process';
import { io } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

test('Express, Socket.IO and the relay answer on one port', async () => {
  const example = new Running(new URL('..', import.meta.url), [], '.', { PORT: '0' });
  stops.push(() => example.stop());
  const host = await example.prints(/http:\/\/(localhost:\d+)\//);

  expect(await (await fetch(`http://${host}/`)).text()).toBe('hello from Express\n');

  const client = io(`http://${host}`, { transports: ['websocket'], reconnection: false });
  stops.push(() => client.close());
  expect(await client.timeout(10_000).emitWithAck('say', 'hello')).toBe('Socket.IO heard hello');

  const [alice, bob] = ['', ''].map(
    () => new Endpoint(`ws://${host}/sws`, { identity: Identity.generate(randomBytes) }),
  ) as [Endpoint, Endpoint];
  stops.push(() => Promise.all([alice.close(), bob.close()]));
  bob.addEventListener('connection', ({ socket }) => {
    socket.onmessage = ({ data }) => socket.send(`sealed ${data}`);
  });
  const socket = alice.connect(await bob.registered);
  socket.onopen = () => socket.send('hello');
  const [{ data }] = await once(socket, 'message');
  expect(data).toBe('sealed hello');
});
