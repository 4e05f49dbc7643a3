// A server that only holds connections: `connections-server.js sws` (server and router) or `ws` (a bare WebSocketServer).
// Run with --expose-gc. Writing `measure` to it collects garbage and reports its memory.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { Router } from '@sws/router';
import { serveUpgrades } from '@sws/server';
import { report } from '@sws/testing/children/report';
import { readUsage } from '@sws/testing/usage';
import { WebSocketServer } from 'ws';

const server = createServer();
let held: () => number;
if (process.argv[2] === 'ws') {
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false });
  webSockets.on('connection', (socket) => {
    socket.on('message', () => {});
    socket.on('error', () => {});
  });
  held = () => webSockets.clients.size;
} else {
  const router = new Router();
  serveUpgrades(server, {
    identity: Identity.generate(randomBytes, nodeProvider),
    admit: (...client) => router.admit(...client),
    onSocket: (socket) => router.add(socket),
    // All clients of a bench have one address.
    maxConnectionsPerAddress: 100_000,
  });
  held = () => router.size;
}
server.listen(0, '127.0.0.1', 4_096);
await once(server, 'listening');
report('ready', { port: (server.address() as AddressInfo).port });

createInterface({ input: process.stdin }).on('line', async () => {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await sleep(100);
  }
  report('measured', { held: held(), rssBytes: readUsage(process.pid)?.rssBytes ?? process.memoryUsage.rss() });
});
