import type { RouterOptions } from '@sws/router';
import { expect, test, vi } from 'vitest';
import { type RelayOptions, startRelay } from '../src/index.js';

const seen = vi.hoisted(() => ({ router: {} as object, attach: {} as object }));
vi.mock('@sws/router', async (original) => {
  const router = await original<typeof import('@sws/router')>();
  class Router extends router.Router {
    constructor(options: RouterOptions) {
      seen.router = options;
      super(options);
    }
  }
  return { ...router, Router };
});
vi.mock('@sws/server', async (original) => {
  const server = await original<typeof import('@sws/server')>();
  const serveUpgrades: typeof server.serveUpgrades = (http, options) => {
    seen.attach = options;
    return server.serveUpgrades(http, options);
  };
  return { ...server, serveUpgrades };
});

const ROUTER = {
  nodeId: 'n1',
  limits: { maxMessage: 100_000, messagesPerSecond: 7, bytesPerSecond: 200_000 },
  addressLimits: { messagesPerSecond: 70 },
  maxQueuedBytes: 40_000_000,
  maxQueuedBytesPerAddress: 20_000_000,
  keepalive: 20,
} as const;
const ENTRANCE = {
  maxConnections: 11,
  maxConnectionsPerAddress: 12,
  maxPending: 13,
  maxPendingPerAddress: 14,
  trustedProxies: ['10.0.0.0/8'],
  origins: ['https://chat.example'],
  handshakeTimeoutMs: 3_000,
  hosts: ['relay.example'],
} as const;

test('passes each setting on to the router and the server, and leaves unset ones absent', async () => {
  const base: RelayOptions = { port: 0, host: '127.0.0.1', chat: false };
  const told = await startRelay({ ...base, ...ROUTER, ...ENTRANCE });
  await told.close();
  expect(seen.router).toEqual(ROUTER);
  expect(seen.attach).toMatchObject({ ...ENTRANCE, exclusive: true, maxMessage: 100_000 });
  expect('authorize' in seen.attach).toBe(false);

  const plain = await startRelay(base);
  await plain.close();
  expect(seen.router).toEqual({});
  for (const name of Object.keys(ENTRANCE)) expect(name in seen.attach, name).toBe(false);
  expect(seen.attach).toMatchObject({ exclusive: true, maxMessage: 65_536 });
});
