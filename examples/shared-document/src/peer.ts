// Two terminals edit one list. The first hosts it, and the second joins with the first one's URL.
import { createInterface } from 'node:readline';
import { ClientSecureWebSocket, Identity, randomBytes } from '@sws/client';
import { SecureWebSocketServer } from '@sws/client/ws';
import { startRelay } from '@sws/relay';
import { getYDoc, setupWSConnection } from '@y/websocket-server/utils';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

const ROOM = 'list';
const [, , url] = process.argv;
// Each run has a new identity, so that two terminals of one user are two people.
const identity = Identity.generate(randomBytes);
const document = url === undefined ? await host() : join(url);

/** Serves the document to everybody who has its URL, with y-websocket's own server. */
async function host(): Promise<Y.Doc> {
  const relay = process.env.SWS_RELAY ?? (await startRelay({ chat: false })).url;
  const server = new SecureWebSocketServer({ relay, identity });
  server.on('connection', (socket, request) => setupWSConnection(socket, request, { docName: ROOM }));
  server.on('listening', () => console.log(`In another terminal: start ${server.url}`));
  server.on('error', ({ message }) => console.error(message));
  return getYDoc(ROOM);
}

/** Joins a document that another peer serves, with y-websocket's own client. */
function join(server: string): Y.Doc {
  const shared = new Y.Doc();
  const WebSocketPolyfill = ClientSecureWebSocket.with({ identity });
  const provider = new WebsocketProvider(server, ROOM, shared, { WebSocketPolyfill });
  provider.on('status', ({ status }) => console.log(status));
  return shared;
}

const list = document.getArray<string>('list');
list.observe(() => {
  console.log(
    list
      .toArray()
      .map((line, index) => `${index + 1}. ${line}`)
      .join('\n'),
  );
});

console.log('Type a line to add it, and -N to take away line N.');
for await (const line of createInterface({ input: process.stdin })) {
  const gone = /^-(\d+)$/.exec(line)?.[1];
  if (gone === undefined) list.push([line]);
  else if (Number(gone) >= 1 && Number(gone) <= list.length) list.delete(Number(gone) - 1);
}
