import { ClientSecureWebSocket } from '@sws/client';
import { setupWSConnection } from '@y/websocket-server/utils';
import { afterEach, expect, test } from 'vitest';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('y-websocket and its server: two documents converge, edited while the relay is down', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  server.on('connection', (socket, request) => setupWSConnection(socket, request));
  const documents = [new Y.Doc(), new Y.Doc()] as const;
  const providers = documents.map((document) => {
    const WebSocketPolyfill = ClientSecureWebSocket.with({ identity: newIdentity() });
    // `disableBc`: the two talk through the server alone, not by a BroadcastChannel of this process.
    return new WebsocketProvider(url, 'room', document, { WebSocketPolyfill, disableBc: true });
  });
  stoppers.add(async () => {
    for (const provider of providers) provider.destroy();
  });
  const [one, two] = documents.map((document) => document.getText('text'));
  if (one === undefined || two === undefined) throw new Error('two documents');
  await until(() => providers.every(({ synced }) => synced));
  one.insert(0, 'hello ');
  await until(() => two.toString() === 'hello ');
  await relay.kill();
  one.insert(6, 'from one ');
  two.insert(0, 'two says: ');
  await relay.start();
  await until(() => one.toString() === two.toString() && one.toString().includes('two says'));
  expect(one.toString()).toBe('two says: hello from one ');
  expect(connections()).toBe(2);
});
