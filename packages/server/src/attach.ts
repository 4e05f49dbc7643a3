import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { wsSocket } from './adapters/ws.js';
import { atEndOfTurn } from './end-of-turn.js';
import { type Attached, Entrance, type EntranceOptions } from './entrance.js';
import { STATUS_TEXT, SUBPROTOCOL } from './gate.js';
import { Handshakes } from './handshakes.js';

/** An unregistered connection that sends this much is cut: what is over 4 KiB is refused with a word, a flood is not read. */
const MAX_UNREGISTERED_BYTES = 16_384;
/** A message may come in pieces, but not in so many that the bookkeeping outweighs it. */
const MAX_FRAGMENTS = 1_024;
const MIN_CHUNK_BYTES = 64;

export interface AttachOptions extends EntranceOptions<IncomingMessage> {
  /** A connection without a whole HTTP request by then is cut, TLS handshake included, in ms. @defaultValue 10,000 */
  readonly handshakeTimeoutMs?: number;
}

/**
 * Serves SWS on every upgrade of an HTTP(S) server; works beside Express, Fastify, Hono on the same server.
 * @throws RangeError for an option that is out of its range
 */
export function attach(server: HttpServer | HttpsServer, options: AttachOptions): Attached {
  const entrance = new Entrance(options);
  const { counters, gate, maxFrameBytes } = entrance;
  const handshakes = new Handshakes(server, options, gate.proxies, counters);
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: Math.ceil(maxFrameBytes / MIN_CHUNK_BYTES),
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  const upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    const { headers, socket } = request;
    const forwarded = headers['x-forwarded-for'];
    const entry = entrance.enter({
      origin: headers.origin,
      protocols: headers['sec-websocket-protocol'],
      forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      address: socket.remoteAddress ?? '',
    });
    if (!entry.ok) return refuse(raw, entry.status);
    const { place } = entry;
    raw.on('close', place.left);
    let unread = MAX_UNREGISTERED_BYTES;
    const meter = (chunk: Buffer): void => {
      unread -= chunk.length;
      if (unread >= 0) return;
      raw.off('data', meter);
      counters.refuse('unregistered-flood');
      raw.destroy();
    };
    // The answer to the upgrade and the challenge go out in one write.
    raw.cork();
    webSockets.handleUpgrade(request, raw, head, (webSocket) => {
      raw.on('data', meter);
      entrance.register(wsSocket(webSocket, raw), request, place, () => {
        raw.off('data', meter);
        // Nothing of this closure is kept for as long as the connection lasts.
        raw.off('close', place.left);
        raw.on('close', gate.left);
      });
    });
    atEndOfTurn({ endTurn: () => raw.uncork() });
  };
  server.on('upgrade', upgrade);
  return {
    counters,
    get connections() {
      return entrance.connections;
    },
    close() {
      // The upgrade is still ours to answer, with 503: a server without a listener for it would leave the client waiting.
      entrance.close();
      handshakes.close();
    },
  };
}

function refuse(raw: Duplex, status: 400 | 403 | 503): void {
  raw.on('error', () => {});
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  raw.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nConnection: close\r\n${retry}Content-Length: 0\r\n\r\n`);
}
