// An SWS relay on a server that other WebSocket libraries share: both work, whichever came first.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fastifyWebSocket from '@fastify/websocket';
import { serve } from '@hono/node-server';
import { createNodeWebSocket } from '@hono/node-ws';
import { type ConnectionEvent, Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { Router } from '@sws/router';
import { type Attached, accept, type ServeUpgradesOptions, serveUpgrades, wsSocket } from '@sws/server';
import fastify from 'fastify';
import { Hono } from 'hono';
import { Server as SocketIoServer } from 'socket.io';
import { io } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { listen, newIdentity, Stoppers } from './servers.js';

const stoppers = new Stoppers();
afterEach(() => stoppers.stop());

const relayIdentity = newIdentity();

function relayOn(server: Server, options: Partial<ServeUpgradesOptions> = {}): Attached {
  const router = new Router();
  stoppers.add(async () => router.close());
  return serveUpgrades(server, {
    identity: relayIdentity,
    admit: (...client) => router.admit(...client),
    onSocket: (socket) => router.add(socket),
    ...options,
  });
}

async function listening(server: Server): Promise<number> {
  const port = await listen(server);
  stoppers.add(async () => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}

/** Two peers say something to each other through the relay. */
async function talk(url: string): Promise<string> {
  const [alice, bob] = [0, 1].map(() => new Endpoint(url, { identity: Identity.generate(randomBytes) })) as [
    Endpoint,
    Endpoint,
  ];
  stoppers.add(() => Promise.all([alice.close(), bob.close()]));
  bob.addEventListener('connection', ({ socket }: ConnectionEvent) => {
    socket.onmessage = ({ data }) => socket.send(`sealed ${data}`);
  });
  const socket = alice.connect(await bob.registered);
  socket.onopen = () => socket.send('hello');
  const [{ data }] = await once(socket, 'message');
  return String(data);
}

/** What a plain `ws` server says back. */
async function plain(url: string): Promise<string> {
  const socket = new WebSocket(url);
  stoppers.add(async () => socket.terminate());
  await once(socket, 'open');
  socket.send('hello');
  const [data] = await once(socket, 'message');
  return String(data);
}
const sayBack = (socket: WebSocket): void => {
  socket.on('message', (data) => socket.send(`plain ${data}`));
};
const both = async (port: number, path: string): Promise<unknown> => [
  await talk(`ws://127.0.0.1:${port}/`),
  await plain(`ws://127.0.0.1:${port}${path}`),
];
const BOTH_WORK = ['sealed hello', 'plain hello'];

test.each(['before', 'after'] as const)('works attached %s a WebSocketServer of ws with a path', async (order) => {
  const server = createServer();
  if (order === 'before') relayOn(server);
  new WebSocketServer({ server, path: '/plain' }).on('connection', sayBack);
  if (order === 'after') relayOn(server);
  expect(await both(await listening(server), '/plain')).toEqual(BOTH_WORK);
});

test.each(['before', 'after'] as const)(
  'works attached %s a noServer server that takes its own path',
  async (order) => {
    const server = createServer();
    if (order === 'before') relayOn(server);
    const others = new WebSocketServer({ noServer: true }).on('connection', sayBack);
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/plain') return;
      others.handleUpgrade(request, socket, head, (webSocket) => others.emit('connection', webSocket, request));
    });
    if (order === 'after') relayOn(server);
    expect(await both(await listening(server), '/plain')).toEqual(BOTH_WORK);
  },
);

test.each([['websocket'], ['polling', 'websocket']])(
  'works beside Socket.IO, transports from %s on',
  async (...transports) => {
    const server = createServer();
    relayOn(server, { handshakeTimeoutMs: 300 });
    const others = new SocketIoServer(server);
    others.on('connection', (socket) => socket.on('say', (data, answer) => answer(`plain ${data}`)));
    const port = await listening(server);
    const client = io(`http://127.0.0.1:${port}`, { transports, reconnection: false });
    stoppers.add(async () => {
      client.close();
      await others.close();
    });
    expect(await talk(`ws://127.0.0.1:${port}/`)).toBe('sealed hello');
    expect(await client.timeout(10_000).emitWithAck('say', 'hello')).toBe('plain hello');
    // An upgrade that somebody has answered is not cut when the time for an answer is over.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await client.timeout(10_000).emitWithAck('say', 'again')).toBe('plain again');
  },
);

test.each(['before', 'after'] as const)(
  'works attached %s Fastify listens with its WebSocket plug-in',
  async (order) => {
    const app = fastify();
    stoppers.add(() => app.close());
    await app.register(fastifyWebSocket);
    app.get('/plain', { websocket: true }, sayBack);
    if (order === 'before') relayOn(app.server);
    await app.listen({ port: 0, host: '127.0.0.1' });
    if (order === 'after') relayOn(app.server);
    expect(await both((app.server.address() as AddressInfo).port, '/plain')).toEqual(BOTH_WORK);
  },
);

test.each(['before', 'after'] as const)('works attached %s Hono’s WebSocket helper', async (order) => {
  const app = new Hono();
  const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app });
  app.get(
    '/plain',
    upgradeWebSocket(() => ({ onMessage: ({ data }, socket) => socket.send(`plain ${data}`) })),
  );
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  stoppers.add(async () => {
    server.closeAllConnections();
    server.close();
  });
  if (order === 'before') relayOn(server);
  injectWebSocket(server);
  if (order === 'after') relayOn(server);
  if (!server.listening) await once(server, 'listening');
  expect(await both((server.address() as AddressInfo).port, '/plain')).toEqual(BOTH_WORK);
});

test('takes only upgrades for its path that pass its filter', async () => {
  const server = createServer();
  relayOn(server, { path: '/relay', shouldHandle: ({ url }) => url !== '/relay/?no' });
  const port = await listening(server);
  expect(await talk(`ws://127.0.0.1:${port}/relay`)).toBe('sealed hello');
  expect(await talk(`ws://127.0.0.1:${port}/relay/`)).toBe('sealed hello');
  for (const path of ['/', '/relay/?no', '/relays']) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'sws.v1');
    const [, { statusCode }] = await once(socket, 'unexpected-response');
    expect(statusCode).toBe(404);
  }
});

test('two relays share a server by path', async () => {
  const server = createServer();
  relayOn(server, { path: '/one' });
  relayOn(server, { path: '/two' });
  const port = await listening(server);
  expect(await talk(`ws://127.0.0.1:${port}/one`)).toBe('sealed hello');
  expect(await talk(`ws://127.0.0.1:${port}/two`)).toBe('sealed hello');
});

test('an unanswered upgrade is cut off, and counts as pending until then', async () => {
  const server = createServer();
  const { counters } = relayOn(server, { handshakeTimeoutMs: 500, maxPendingPerAddress: 1 });
  server.on('upgrade', () => {});
  const port = await listening(server);
  const upgraded = once(server, 'upgrade');
  const silent = connect(port, '127.0.0.1');
  silent.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await upgraded;
  await once(connect(port, '127.0.0.1'), 'close');
  expect(counters.refusals.get('too-many-pending-from-address')).toBe(1);
  await once(silent, 'close');
  expect(counters.refusals.get('unanswered-upgrade')).toBe(1);
});

test('an upgrade without sws.v1 is refused if nobody else listens', async () => {
  const server = createServer();
  relayOn(server);
  const socket = new WebSocket(`ws://127.0.0.1:${await listening(server)}/`);
  const [, { statusCode }] = await once(socket, 'unexpected-response');
  expect(statusCode).toBe(400);
});

test('accept registers over a socket of your own WebSocketServer', async () => {
  const router = new Router();
  stoppers.add(async () => router.close());
  const server = createServer();
  new WebSocketServer({ server, autoPong: false, perMessageDeflate: false }).on(
    'connection',
    async (socket, request) => {
      const registered = await accept(wsSocket(socket, request.socket), request, {
        identity: relayIdentity,
        admit: (...client) => router.admit(...client),
      });
      router.add(registered);
      registered.start();
    },
  );
  expect(await talk(`ws://127.0.0.1:${await listening(server)}/`)).toBe('sealed hello');
});
