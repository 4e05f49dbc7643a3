import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { Router } from '@sws/router';
import { serveUpgrades } from '@sws/server';

/** Whose signing key a client may pin. */
export const relayIdentity = Identity.generate(randomBytes, nodeProvider);

export type TestRelay = Awaited<ReturnType<typeof startRelay>>;

/** A relay in this process that can be cut off and killed. */
export async function startRelay(port = 0) {
  const server = createServer();
  const router = new Router();
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  const attached = serveUpgrades(server, {
    identity: relayIdentity,
    admit: (key, term) => router.admit(key, term),
    onSocket: (socket) => router.add(socket),
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  const cut = () => {
    for (const socket of connections) socket.destroy();
  };
  return {
    url: `ws://127.0.0.1:${bound}/`,
    port: bound,
    router,
    cut,
    /** As a crash does: no close frames, the port free at once. */
    async kill() {
      attached.close();
      cut();
      server.close();
      await once(server, 'close');
      router.close();
    },
  };
}

export function newIdentity(): Identity {
  return Identity.generate(randomBytes, nodeProvider);
}

/** Resolves with the next event of this type. */
export function event<E extends Event>(target: EventTarget, type: string): Promise<E> {
  return new Promise((resolve) => target.addEventListener(type, (found) => resolve(found as E), { once: true }));
}
