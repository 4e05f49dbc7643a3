// An existing server: Express answers requests, and Socket.IO has its own WebSockets. The last part makes it a relay.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Router } from '@sws/router';
import { Identity, randomBytes, serveUpgrades } from '@sws/server';
import express from 'express';
import { Server as SocketIo } from 'socket.io';

const app = express();
app.get('/', (_request, response) => void response.send('hello from Express\n'));
const server = createServer(app);
new SocketIo(server).on('connection', (socket) =>
  socket.on('say', (text, answer) => answer(`Socket.IO heard ${text}`)),
);

// The relay, for clients on this machine. For other machines, add the names that they dial: `hosts: ['relay.example']`.
const router = new Router();
const identity = Identity.generate(randomBytes);
const admit = router.admit.bind(router);
serveUpgrades(server, { identity, path: '/sws', admit, onSocket: (socket) => router.add(socket) });

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}/, relay at /sws`);
});
