import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach } from 'vitest';
import { type ServeUpgradesOptions, serveUpgrades } from '../src/index.js';

export const identity = () => Identity.generate(randomBytes, nodeProvider);
const limits = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
/** What is done after each test. */
export const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

export async function serve(
  server: HttpServer | HttpsServer,
  options: Partial<ServeUpgradesOptions> = {},
): Promise<{ port: number; attached: ReturnType<typeof serveUpgrades> }> {
  const attached = serveUpgrades(server, {
    identity: identity(),
    admit: () => ({ ok: true, term: 1, limits, keepalive: 15 }),
    onSocket: (socket) => {
      socket.onmessage = (message) => socket.deliver(message);
    },
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    attached.close();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, attached };
}

/** Unlike `once(socket, 'close')`, an error ahead of it does not matter. */
export const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));
