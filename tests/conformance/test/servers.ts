import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SecureWebSocketServer } from '@sws/client/ws';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { type Relay, startRelay } from '@sws/relay';
import { freePort } from '@sws/testing/free-port';
import { WebSocketServer } from 'ws';
import { behave, handleProtocols, verifyClient } from '../src/conformance/behaviour.js';
import type { Place } from '../src/conformance/page.js';

export function newIdentity(): Identity {
  return Identity.generate(randomBytes, nodeProvider);
}

/** Stops what a test has started, the newest first. */
export class Stoppers {
  readonly #stops: (() => Promise<unknown>)[] = [];

  add(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }
  async stop(): Promise<void> {
    for (let next = this.#stops.pop(); next !== undefined; next = this.#stops.pop()) await next();
  }
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The behaviours behind a plain `ws` server. */
export async function plainServer(stoppers: Stoppers): Promise<Place> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols, verifyClient });
  server.on('connection', behave);
  await once(server, 'listening');
  stoppers.add(async () => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const nobody = `ws://127.0.0.1:${await freePort()}/`;
  return { prefix: '', origin: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, nobody };
}

export async function relay(stoppers: Stoppers): Promise<Relay> {
  const started = await startRelay({ port: 0, chat: false });
  stoppers.add(() => started.close());
  return started;
}

/** The same behaviours behind a relay, by key. */
export async function secureServer(stoppers: Stoppers): Promise<Place> {
  const { url } = await relay(stoppers);
  // One client opens more channels a second than a stranger may (PROTOCOL §4, Bounds).
  const isKnown = () => true;
  const server = new SecureWebSocketServer({
    relay: url,
    identity: newIdentity(),
    handleProtocols,
    verifyClient,
    isKnown,
  });
  server.on('connection', behave);
  await once(server, 'listening');
  stoppers.add(async () => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  const origin = new URL(url).origin.replace('http', 'ws');
  const nobody = `${origin}/${newIdentity().publicKey}/`;
  return { prefix: `/${server.endpoint.address}`, origin, nobody };
}
