/** What a README's snippet leaves to its reader, so that it runs as it stands between the two. */
export interface Stage {
  /** What the snippet takes as given. */
  readonly before?: string;
  /** What ends it. */
  readonly after?: string;
  /** All that it prints: `…` stands for anything in a line. */
  readonly prints: readonly string[];
  /** A program without which it can't run. */
  readonly needs?: 'nats-server' | 'openssl';
}

/** Ends a snippet that serves `router` on port 8787: one client registers. */
const REGISTER_ONE = `const client = new Endpoint('ws://127.0.0.1:8787', { identity: Identity.generate(randomBytes) });
client.addEventListener('state', ({ state }) => {
  if (state !== 'registered') return;
  console.log(router.size, 'registered');
  process.exit();
});`;

/** For each document one stage per JavaScript or TypeScript snippet, in order. */
export const STAGES: Readonly<Record<string, readonly Stage[]>> = {
  'README.md': [
    {
      after: "socket.addEventListener('message', () => socket.close());",
      prints: ['only you can read this'],
    },
  ],
  'packages/client/README.md': [
    {
      after: `socket.addEventListener('message', () => endpoint.close());
socket.addEventListener('message', () => socket.close());`,
      prints: ['hello'],
    },
    {
      before: `import { SecureWebSocketStream } from '@sws/client';
const relay = 'wss://relay.example';
const theirKey = '…';
const file = new Blob(['text']);`,
      after: "console.log('all of it is there');",
      prints: ['all of it is there'],
    },
    {
      before: `import { buildSchema } from 'graphql';
const schema = buildSchema('type Query { hello: String }');`,
      after: "server.on('listening', () => server.close());",
      prints: ['wss://relay.example/…'],
    },
  ],
  'packages/crypto/README.md': [{ prints: ['…', 'true', 'sws-sealed-1.17.…'] }],
  'packages/protocol/README.md': [{ prints: ['Uint8Array(3) [ 1, 2, 3 ]', 'the same key registered elsewhere'] }],
  'packages/router/README.md': [{ prints: ['true {', '  maxMessage: 131072,', '…', '} 0 {', '…', '}'] }],
  'packages/router-nats/README.md': [{ needs: 'nats-server', prints: ['true 1048576 NatsCounters {', '…', '}'] }],
  'packages/server/README.md': [
    {
      before: "import { Endpoint } from '@sws/client';",
      after: REGISTER_ONE,
      prints: ['1 registered'],
    },
    {
      before: `import { Endpoint } from '@sws/client';
import { Router } from '@sws/router';
import { accept, Identity, randomBytes, wsSocket } from '@sws/server';
import { WebSocketServer } from 'ws';
const router = new Router();
const identity = Identity.generate(randomBytes);
const admit = router.admit.bind(router);`,
      after: REGISTER_ONE,
      prints: ['1 registered'],
    },
    {
      needs: 'openssl',
      before: `import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { watchCertificate } from '@sws/server';
const httpsServer = createServer({
  cert: readFileSync('/etc/letsencrypt/live/relay.example/fullchain.pem'),
  key: readFileSync('/etc/letsencrypt/live/relay.example/privkey.pem'),
});`,
      after: 'console.log(watching.certificate.names, await watching.reload());\nwatching.close();',
      prints: ['DNS:relay.example false'],
    },
  ],
  'apps/relay/README.md': [{ prints: ['http://127.0.0.1:…/ … 0'] }],
};
