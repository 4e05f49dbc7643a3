// A bare forwarder, the alternative to a relay: `forwarder.js ws|ws-json|socket.io|uws|bun`. It forwards each message
// between clients `/n` and `/n^1` unchanged. `ws-json` parses each message for its receiver, and serialises it again.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { report } from '@sws/testing/children/report';

/** Larger than any message of the benchmarks. */
const MAX_BYTES = 4 * 1_048_576;
const BACKLOG = 4_096;

const numberOf = (path: string): number => Number(path.slice(1));

interface BunSocket {
  readonly data: { readonly client: number };
  send(data: string | Uint8Array, compress?: boolean): number;
}
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(
      request: Request,
      server: { upgrade(request: Request, options: { readonly data: BunSocket['data'] }): boolean },
    ): Response | undefined;
    readonly websocket: {
      readonly perMessageDeflate: boolean;
      readonly maxPayloadLength: number;
      open(socket: BunSocket): void;
      message(socket: BunSocket, data: string | Uint8Array): void;
    };
  }): { readonly port: number };
};

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  const [hostname = '127.0.0.1', port = 0] = process.env.SWS_BENCH_HOST?.split(':') ?? [];
  server.listen(Number(port), hostname, BACKLOG);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

type Clients = Map<number, import('ws').WebSocket>;

/** A server of `ws` that calls `onClient` for each client, which is in `clients` by then. */
async function serveWs(onClient: (socket: import('ws').WebSocket, client: number, clients: Clients) => void) {
  const { WebSocketServer } = await import('ws');
  const server = createServer();
  const clients: Clients = new Map();
  const options = { server, perMessageDeflate: false, maxPayload: MAX_BYTES };
  new WebSocketServer(options).on('connection', (socket, { url }) => {
    const client = numberOf(url ?? '/');
    clients.set(client, socket);
    onClient(socket, client, clients);
  });
  return listen(server);
}

const FORWARDERS: Readonly<Record<string, () => Promise<number>>> = {
  ws: () =>
    serveWs((socket, client, clients) => {
      socket.on('message', (data, binary) => clients.get(client ^ 1)?.send(data, { binary }));
    }),
  'ws-json': () =>
    serveWs((socket, _client, clients) => {
      socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { readonly to: number; readonly content: string };
        clients.get(message.to)?.send(JSON.stringify(message));
      });
    }),
  async 'socket.io'() {
    const { Server } = await import('socket.io');
    const server = createServer();
    const io = new Server(server, { transports: ['websocket'], maxHttpBufferSize: MAX_BYTES });
    const clients = new Map<number, import('socket.io').Socket>();
    io.on('connection', (socket) => {
      const client = Number(socket.handshake.query.client);
      clients.set(client, socket);
      socket.on('message', (data: Buffer) => clients.get(client ^ 1)?.emit('message', data));
    });
    return listen(server);
  },
  async uws() {
    const { default: uws } = await import('@trufflesuite/uws-js-unofficial');
    const clients = new Map<number, import('@trufflesuite/uws-js-unofficial').WebSocket<{ client: number }>>();
    return new Promise((resolve) => {
      uws
        .App()
        .ws<{ client: number }>('/*', {
          compression: 0,
          maxPayloadLength: MAX_BYTES,
          maxBackpressure: 64 * MAX_BYTES,
          upgrade: (response, request, context) =>
            response.upgrade(
              { client: numberOf(request.getUrl()) },
              request.getHeader('sec-websocket-key'),
              request.getHeader('sec-websocket-protocol'),
              request.getHeader('sec-websocket-extensions'),
              context,
            ),
          open: (socket) => void clients.set(socket.getUserData().client, socket),
          message: (socket, data, binary) => void clients.get(socket.getUserData().client ^ 1)?.send(data, binary),
        })
        .listen('127.0.0.1', 0, (socket) => resolve(uws.us_socket_local_port(socket)));
    });
  },
  async bun() {
    const clients = new Map<number, BunSocket>();
    return Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, server) => {
        const client = numberOf(new URL(request.url).pathname);
        return server.upgrade(request, { data: { client } }) ? undefined : new Response('a WebSocket is expected');
      },
      websocket: {
        perMessageDeflate: false,
        maxPayloadLength: MAX_BYTES,
        open: (socket) => void clients.set(socket.data.client, socket),
        message: (socket, data) => void clients.get(socket.data.client ^ 1)?.send(data),
      },
    }).port;
  },
};

const forward = FORWARDERS[process.argv[2] ?? ''];
if (forward === undefined) throw new Error(`forwarder.js ${Object.keys(FORWARDERS).join('|')}`);
report('ready', { port: await forward() });
