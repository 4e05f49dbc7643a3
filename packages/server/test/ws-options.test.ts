import { createServer } from 'node:http';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { expect, test, vi } from 'vitest';
import type { ServerOptions } from 'ws';
import { serveUpgrades } from '../src/index.js';

const given = vi.hoisted(() => [] as unknown[]);
vi.mock('ws', async (original) => {
  const ws = await original<typeof import('ws')>();
  class WebSocketServer extends ws.WebSocketServer {
    constructor(options: ServerOptions) {
      given.push(options);
      super(options);
    }
  }
  return { ...ws, WebSocketServer };
});

test('ws neither compresses, answers pings nor keeps a list of its sockets, and bounds the parts of a message', () => {
  serveUpgrades(createServer(), {
    identity: Identity.generate(randomBytes, nodeProvider),
    admit: () => ({ ok: false, failure: { code: 'forbidden', detail: '' } }),
    onSocket: () => {},
  });
  expect(given).toEqual([
    {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: 175_787,
      maxFragments: 1_024,
      maxBufferedChunks: Math.ceil(175_787 / 64),
      handleProtocols: expect.any(Function),
    },
  ]);
});
