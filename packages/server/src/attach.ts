import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { MAX_MAX_MESSAGE_BYTES } from '@sws/protocol';
import { WebSocketServer } from 'ws';
import { type AcceptOptions, accept } from './accept.js';
import { wsSocket } from './adapters/ws.js';
import { ServerCounters } from './counters.js';
import { PendingConnections } from './pending-connections.js';
import type { ServerSecureWebSocket } from './server-secure-web-socket.js';

/** An unregistered connection that sends this much is cut: what is over 4 KiB is refused with a word, a flood is not read. */
const MAX_UNREGISTERED_BYTES = 16_384;

/** The WebSocket subprotocol between client and relay. */
export const SUBPROTOCOL = 'sws.v1';

export interface AttachOptions extends Omit<AcceptOptions<IncomingMessage>, 'counters' | 'remoteAddress'> {
  /** Bound to `router.attach`: takes the registered socket and sets its `onmessage`. */
  readonly onSocket: (socket: ServerSecureWebSocket) => void;
  /** Connections that have not registered, in all. @defaultValue 1,000 */
  readonly maxPending?: number;
  /** The same per remote address (IPv6: /64). @defaultValue 100 */
  readonly maxPendingPerAddress?: number;
  /** Proxies whose last `X-Forwarded-For` entry counts. @defaultValue none */
  readonly trustedProxies?: readonly string[];
  /** Origins that browsers may connect from. @defaultValue any: a registration is proven by key, not by cookie */
  readonly origins?: readonly string[];
}

/** Where clients come in. */
export interface Attached {
  readonly counters: ServerCounters;
  /** Takes no more upgrades. Registered sockets are the router's to close. */
  close(): void;
}

/** Serves SWS on every upgrade of an HTTP(S) server; works beside Express, Fastify, Hono on the same server. */
export function attach(server: HttpServer | HttpsServer, options: AttachOptions): Attached {
  const { onSocket, maxPending = 1_000, maxPendingPerAddress = 100, trustedProxies = [], origins } = options;
  const counters = new ServerCounters();
  const pending = new PendingConnections(maxPending, maxPendingPerAddress);
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // Frames over twice maxMessage are refused with 1009; JSON needs a third more than binary.
    maxPayload: 3 * MAX_MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  const upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    const { origin } = request.headers;
    if (origins !== undefined && origin !== undefined && !origins.includes(origin)) {
      counters.refuse('forbidden');
      return refuse(raw, '403 Forbidden');
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL)) {
      counters.refuse('bad-frame');
      return refuse(raw, '400 Bad Request');
    }
    const remoteAddress = remoteAddressOf(request, trustedProxies);
    const leave = pending.enter(remoteAddress);
    if (leave === null) {
      counters.refuse('try-again-later');
      return refuse(raw, '503 Service Unavailable');
    }
    let unread = MAX_UNREGISTERED_BYTES;
    const meter = (chunk: Buffer): void => {
      unread -= chunk.length;
      if (unread >= 0) return;
      raw.off('data', meter);
      counters.refuse('message-too-large');
      raw.destroy();
    };
    raw.once('close', leave);
    webSockets.handleUpgrade(request, raw, head, (webSocket) => {
      raw.on('data', meter);
      accept(wsSocket(webSocket, raw), request, { ...options, counters, remoteAddress }).then(
        (socket) => {
          raw.off('data', meter);
          leave();
          onSocket(socket);
          socket.start();
        },
        leave, // counted and closed by accept
      );
    });
  };
  server.on('upgrade', upgrade);
  return { counters, close: () => void server.off('upgrade', upgrade) };
}

/** The address that limits count: the peer's, or what a trusted proxy appended to X-Forwarded-For. */
export function remoteAddressOf(request: IncomingMessage, trustedProxies: readonly string[]): string {
  const direct = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  if (!trustedProxies.includes(direct)) return direct;
  const header = request.headers['x-forwarded-for'];
  const entries = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').map((entry) => entry.trim());
  return entries.findLast((entry) => entry !== '' && !trustedProxies.includes(entry)) ?? direct;
}

function refuse(raw: Duplex, status: string): void {
  raw.on('error', () => {});
  raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
