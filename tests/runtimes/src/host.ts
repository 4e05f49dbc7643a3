import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import sirv from 'sirv';
import type { SuiteConfig } from './suite.js';

/** A relay, the page that browsers load, and the means to restart the relay. */
export interface Host extends SuiteConfig {
  /** The page that Vite built; `localhost`, so that browsers treat it as secure. */
  readonly page: string;
  close(): Promise<void>;
}

/** Starts both on free ports of loopback. */
export async function startHost(): Promise<Host> {
  const identity = Identity.generate(randomBytes);
  let relay: Relay = await startRelay({ port: 0, identity, chat: false });
  const { port } = relay;
  const files = sirv(fileURLToPath(new URL('./page/', import.meta.url)));
  const server = createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== '/restart') return files(request, response);
    void relay
      .close()
      .then(() => startRelay({ port, identity, chat: false }))
      .then(
        (started) => {
          relay = started;
          response.writeHead(204).end();
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const control = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    relay: `ws://127.0.0.1:${port}/`,
    control,
    page: `${control}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await relay.close();
    },
  };
}
