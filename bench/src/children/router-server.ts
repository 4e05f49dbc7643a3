// Server and router alone, on the named WebSocket library: `router-server.js ws|uws|bun [nacl|node|sodium]`.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import v8 from 'node:v8';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { Router } from '@sws/router';
import { type ServeUpgradesOptions, serveUpgrades } from '@sws/server';
import { type BunHandlers, type BunServer, bunAcceptor } from '@sws/server/bun';
import { uwsAcceptor } from '@sws/server/uws';
import { report } from '@sws/testing/children/report';
import { providerNamed } from '../providers.js';

/** A limit that no benchmark reaches. The relay still counts against it. */
const UNREACHED = 1e12;
const MANY = 100_000;
const BACKLOG = 4_096;

declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    readonly websocket: BunHandlers;
  }): { readonly port: number };
};

// `sws-relay` does the same and explains it. Bun has another engine.
if (process.versions.bun === undefined)
  for (const flag of ['--no-allocation-site-pretenuring', '--heap-growing-percent=400']) v8.setFlagsFromString(flag);
const [on = 'ws', providerName = 'node'] = process.argv.slice(2);
const provider = await providerNamed(providerName);
const maxMessage = 131_072;
/** The host and port to listen on, behind a link. */
const far = process.env.SWS_BENCH_HOST;
const [hostname = '127.0.0.1', port = 0] = far?.split(':') ?? [];
const router = new Router({ limits: { maxMessage, messagesPerSecond: UNREACHED, bytesPerSecond: UNREACHED } });
const options = {
  identity: Identity.generate(randomBytes, provider),
  provider,
  maxMessage,
  maxConnectionsPerAddress: MANY,
  maxPending: MANY,
  maxPendingPerAddress: MANY,
  admit: (...client) => router.admit(...client),
  onSocket: (socket) => router.add(socket),
} satisfies Omit<ServeUpgradesOptions, 'authorize' | 'onRefused'>;

async function listen(): Promise<number> {
  if (on === 'bun') {
    const sws = bunAcceptor(options);
    return Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, server) => sws.upgrade(request, server),
      websocket: sws.websocket,
    }).port;
  }
  if (on === 'uws') {
    const { default: uws } = await import('@trufflesuite/uws-js-unofficial');
    const sws = uwsAcceptor(options);
    return new Promise((resolve) => {
      uws
        .App()
        // This build declares its own switch a number.
        .ws('/*', { ...sws.behavior, closeOnBackpressureLimit: 0 })
        .listen('127.0.0.1', 0, (socket) => resolve(uws.us_socket_local_port(socket)));
    });
  }
  const server = createServer();
  serveUpgrades(server, far === undefined ? options : { ...options, hosts: [far] });
  server.listen(Number(port), hostname, BACKLOG);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
report('ready', { port: await listen() });
