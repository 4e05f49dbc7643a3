import { once } from 'node:events';
import { ClientSecureWebSocket } from '@sws/client';
import { SecureWebSocketServer } from '@sws/client/ws';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { type Case, next, same } from './suite.js';

/** The accept side as server libraries see it, where there is a Node API. */
export const wsServer: Case = {
  name: 'a ws-shaped server behind the relay',
  async run({ relay }) {
    const server = new SecureWebSocketServer({ relay, identity: Identity.generate(randomBytes) });
    await once(server, 'listening');
    server.on('connection', (socket, request) => {
      socket.send(`${request.url} ${request.socket.remoteAddress}`);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    const identity = Identity.generate(randomBytes);
    const socket = new ClientSecureWebSocket(`${server.url}/room?x=1`, [], { identity });
    same('greeting', (await next<MessageEvent>(socket, 'message')).data, `/room?x=1 ${identity.publicKey}`);
    for (const sent of ['text', Uint8Array.of(1, 2, 3)]) {
      const message = next<MessageEvent>(socket, 'message');
      socket.binaryType = 'arraybuffer';
      socket.send(sent);
      const { data } = await message;
      same(
        'echo',
        typeof data === 'string' ? data : [...new Uint8Array(data)],
        typeof sent === 'string' ? sent : [...sent],
      );
    }
    const closed = next<CloseEvent>(socket, 'close');
    for (const client of server.clients) client.close(4002, 'bye');
    const { code, reason } = await closed;
    same('close', [code, reason], [4002, 'bye']);
    await new Promise((resolve) => server.close(resolve));
  },
};
