import { ClientSecureWebSocket } from '@sws/client';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { createWebSocketStream } from 'ws';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

test('MQTT, mqtt.js and the broker aedes: publish and subscribe at QoS 1 across a killed relay', async () => {
  const relay = await RelayProcess.start(stoppers);
  const { server, url, connections } = await serve(relay, stoppers);
  const broker = await Aedes.createBroker();
  server.on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request));
  const connect = async () => {
    const Bound = ClientSecureWebSocket.with({ identity: newIdentity() });
    // `forceNativeWebSocket`: as in a browser, where mqtt.js takes the platform's WebSocket.
    const client = await mqtt.connectAsync(url, {
      forceNativeWebSocket: true,
      createWebsocket: (address, protocols) => new Bound(address, protocols),
      reconnectPeriod: 0,
    });
    stoppers.add(() => client.endAsync(true));
    return client;
  };
  const [subscriber, publisher] = [await connect(), await connect()];
  const seen: string[] = [];
  subscriber.on('message', (topic, payload) => seen.push(`${topic} ${payload}`));
  await subscriber.subscribeAsync('news/#', { qos: 1 });
  await publisher.publishAsync('news/today', 'before', { qos: 1 });
  await until(() => seen.length === 1);
  await relay.kill();
  const publishing = publisher.publishAsync('news/today', 'while the relay was down', { qos: 1 });
  await relay.start();
  await publishing;
  await until(() => seen.length === 2);
  expect(seen).toEqual(['news/today before', 'news/today while the relay was down']);
  expect(connections()).toBe(2);
  stoppers.add(() => new Promise((resolve) => broker.close(() => resolve(undefined))));
});
