import { ClientSecureWebSocket } from '@sws/client';
import { JSONRPCClient, JSONRPCServer } from 'json-rpc-2.0';
import { Server } from 'rpc-websockets';
import { afterEach, expect, test } from 'vitest';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('rpc-websockets, its browser client and its server: calls and a notification across a killed relay', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  const rpc = new Server({ noServer: true });
  rpc.register('sum', (numbers) => Object.values(numbers).reduce((sum, number) => sum + number, 0));
  rpc.event('news');
  // As with any `ws` server that does its own upgrades: the socket is handed over.
  server.on('connection', (socket, request) => rpc.wss.emit('connection', socket, request));
  // The browser's client takes the page's WebSocket.
  Object.assign(globalThis, { window: { WebSocket: ClientSecureWebSocket.with({ identity: newIdentity() }) } });
  stoppers.add(async () => {
    Reflect.deleteProperty(globalThis, 'window');
  });
  const browser = new URL('../../node_modules/rpc-websockets/dist/index.browser.mjs', import.meta.url);
  const { Client }: typeof import('rpc-websockets') = await import(browser.href);
  // The path is the namespace of the methods.
  const client = new Client(`${url}/`, { reconnect: false });
  await new Promise((resolve) => client.on('open', resolve));
  expect(await client.call('sum', [5, 3])).toBe(8);
  const news: unknown[] = [];
  await client.subscribe('news');
  client.on('news', (item) => news.push(item));
  await relay.kill();
  const call = client.call('sum', [20, 22]);
  rpc.emit('news', 'while the relay was down');
  await relay.start();
  expect(await call).toBe(42);
  await until(() => news.length === 1);
  expect([news, connections()]).toEqual([['while the relay was down'], 1]);
  client.close();
  await rpc.close();
});

test('json-rpc-2.0, client and server: calls across a killed relay', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  const rpc = new JSONRPCServer();
  rpc.addMethod('echo', ({ text }: { text: string }) => text);
  server.on('connection', (socket) =>
    socket.on('message', async (data: Buffer) => {
      const answer = await rpc.receiveJSON(data.toString());
      if (answer !== null) socket.send(JSON.stringify(answer));
    }),
  );
  const socket = new ClientSecureWebSocket(url, [], { identity: newIdentity() });
  const client = new JSONRPCClient((request) => socket.send(JSON.stringify(request)));
  socket.onmessage = ({ data }) => client.receive(JSON.parse(data));
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  expect(await client.request('echo', { text: 'before' })).toBe('before');
  await relay.kill();
  const call = client.request('echo', { text: 'while it was down' });
  await relay.start();
  expect([await call, connections()]).toEqual(['while it was down', 1]);
});
