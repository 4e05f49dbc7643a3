import { ClientSecureWebSocket } from '@sws/client';
import { createMergeableStore } from 'tinybase';
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client';
import { createWsServer } from 'tinybase/synchronizers/synchronizer-ws-server';
import { afterEach, expect, test } from 'vitest';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('tinybase, its synchronizer and its server: two stores converge, including changes made while the relay was down', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  // Its server names clients by the request's Sec-WebSocket-Key.
  const hub = createWsServer(server);
  stoppers.add(async () => hub.destroy());
  const stores = await Promise.all(
    [0, 1].map(async () => {
      const store = createMergeableStore();
      const Socket = ClientSecureWebSocket.with({ identity: newIdentity() });
      const synchronizer = await createWsSynchronizer(store, new Socket(`${url}/shared`));
      await synchronizer.startSync();
      stoppers.add(() => synchronizer.destroy());
      return store;
    }),
  );
  const [one, other] = stores as [(typeof stores)[0], (typeof stores)[0]];
  one.setCell('pets', 'fido', 'species', 'dog');
  await until(() => other.getCell('pets', 'fido', 'species') === 'dog');
  await relay.kill();
  one.setCell('pets', 'felix', 'species', 'cat');
  other.setCell('pets', 'polly', 'species', 'parrot');
  await relay.start();
  await until(() => other.hasRow('pets', 'felix') && one.hasRow('pets', 'polly'));
  expect(one.getTables()).toEqual(other.getTables());
  expect(connections()).toBe(2);
});
