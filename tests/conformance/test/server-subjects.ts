import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClientSecureWebSocket } from '@sws/client';
import { SecureWebSocketServer } from '@sws/client/ws';
import { afterAll, beforeAll } from 'vitest';
import { type ServerOptions, WebSocketServer, WebSocket as WsClient, type WebSocket as WsSocket } from 'ws';
import { newIdentity, relay, Stoppers } from './servers.js';

/** What is common to the clients of both: the browser's interface. */
type Client = WebSocket;
/** The options that both have. */
type Options = Pick<ServerOptions, 'path' | 'handleProtocols' | 'verifyClient' | 'clientTracking'>;

/** How one of the two is served and dialled. */
export interface Subject {
  serve(options?: Options): Promise<WebSocketServer>;
  dial(server: WebSocketServer, path?: string, protocols?: string[]): Client;
}

const stoppers = new Stoppers();
let relayUrl = '';
beforeAll(async () => {
  relayUrl = (await relay(stoppers)).url;
});
afterAll(() => stoppers.stop());

const ws: Subject = {
  async serve(options = {}) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    await once(server, 'listening');
    return server;
  },
  dial(server, path = '/', protocols = []) {
    const { port } = server.address() as AddressInfo;
    return new WsClient(`ws://127.0.0.1:${port}${path}`, protocols) as unknown as Client;
  },
};

const urls = new WeakMap<WebSocketServer, string>();
const ours: Subject = {
  async serve(options = {}) {
    const secure = new SecureWebSocketServer({ relay: relayUrl, identity: newIdentity(), ...(options as object) });
    await once(secure, 'listening');
    const server: WebSocketServer = secure;
    urls.set(server, secure.url ?? '');
    return server;
  },
  dial: (server, path = '/', protocols = []) =>
    new ClientSecureWebSocket(`${urls.get(server)}${path}`, protocols, { identity: newIdentity() }),
};

/** `ws`, and this project's server in its shape. */
export const SUBJECTS = [
  ['ws', ws],
  ['ours', ours],
] as const;

/** A client's next event of this type. */
export function next<K extends keyof WebSocketEventMap>(client: Client, type: K): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve) => client.addEventListener(type, resolve, { once: true }));
}

/** Does something with a connected pair, and closes what it used. */
export function pairOf(subject: Subject) {
  return async function withPair(
    use: (socket: WsSocket, client: Client, server: WebSocketServer, request: IncomingMessage) => Promise<void>,
    options: Options = {},
    path = '/',
    protocols: string[] = [],
  ): Promise<void> {
    const server = await subject.serve(options);
    try {
      const connection = once(server, 'connection') as Promise<[WsSocket, IncomingMessage]>;
      const client = subject.dial(server, path, protocols);
      client.binaryType = 'arraybuffer';
      const [[socket, request]] = await Promise.all([connection, next(client, 'open')]);
      await use(socket, client, server, request);
      client.close();
      if (socket.readyState !== 3) await once(socket, 'close');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  };
}
