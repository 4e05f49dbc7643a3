import { createRequire } from 'node:module';
import { ClientSecureWebSocket } from '@sws/client';
import { WebSocket as PartySocket } from 'partysocket';
import { afterEach, expect, test } from 'vitest';
import { newIdentity, Stoppers } from '../servers.js';
import { RelayProcess, serve, until } from './relay-process.js';

/** Its CommonJS build is the class itself, which its types do not say. */
const ReconnectingWebSocket: typeof import('reconnecting-websocket').default = createRequire(import.meta.url)(
  'reconnecting-websocket',
);
const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

/** What both libraries give. */
interface Wrapper {
  readonly readyState: number;
  onmessage: ((event: MessageEvent) => void) | null;
  send(data: string): void;
  close(): void;
}

const LIBRARIES: Record<string, (url: string, Class: unknown) => Wrapper> = {
  'reconnecting-websocket': (url, Class) =>
    new ReconnectingWebSocket(url, 'chat', { WebSocket: Class, minReconnectionDelay: 50, maxReconnectionDelay: 200 }),
  partysocket: (url, Class) =>
    new PartySocket(url, 'chat', { WebSocket: Class, minReconnectionDelay: 50, maxReconnectionDelay: 200 }),
};

test.each(Object.entries(LIBRARIES))(
  '%s: reconnects when the peer closes, not when the relay is killed',
  async (_name, wrap) => {
    const relay = await RelayProcess.start(stoppers);
    const { server, url, connections } = await serve(relay, stoppers);
    server.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(`echo ${data}`)));
    const wrapper = wrap(`${url}/chat`, ClientSecureWebSocket.with({ identity: newIdentity() }));
    stoppers.add(async () => wrapper.close());
    const seen: unknown[] = [];
    wrapper.onmessage = ({ data }: MessageEvent) => {
      seen.push(data);
    };
    // Sent before it is open: the wrapper keeps it.
    wrapper.send('first');
    await until(() => seen.length === 1);
    await relay.kill();
    wrapper.send('while the relay is down');
    await relay.start();
    await until(() => seen.length === 2);
    expect([seen, connections()]).toEqual([['echo first', 'echo while the relay is down'], 1]);
    for (const client of server.clients) client.close(1012);
    await until(() => connections() === 2 && wrapper.readyState === 1);
    wrapper.send('over the new one');
    await until(() => seen.length === 3);
    expect(seen.at(-1)).toBe('echo over the new one');
  },
);
