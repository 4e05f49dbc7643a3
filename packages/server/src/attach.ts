import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { SwsError } from '@sws/crypto';
import { WebSocketServer } from 'ws';
import { type AcceptOptions, accept } from './accept.js';
import { wsSocket } from './adapters/ws.js';
import { ServerCounters } from './counters.js';
import { Gate, type GateOptions, SUBPROTOCOL } from './gate.js';
import { Handshakes } from './handshakes.js';
import { DEFAULT_MAX_MESSAGE_BYTES, maxFrameBytes } from './max-message.js';
import type { ServerSecureWebSocket } from './server-secure-web-socket.js';

/** An unregistered connection that sends this much is cut: what is over 4 KiB is refused with a word, a flood is not read. */
const MAX_UNREGISTERED_BYTES = 16_384;
const STATUS_TEXT = { 400: 'Bad Request', 403: 'Forbidden', 503: 'Service Unavailable' } as const;

/** What every way in takes, whichever WebSocket library it uses. */
export interface EntranceOptions<Request> extends Omit<AcceptOptions<Request>, 'remoteAddress'>, GateOptions {
  /** Bound to `router.attach`: takes the registered socket and sets its `onmessage`. */
  readonly onSocket: (socket: ServerSecureWebSocket) => void;
  /** Told of each connection that was not let in or did not register, for a log; `counters` has counted it. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** A connection that did not become a registered one. */
export interface Refusal {
  /** A reason of `counters.refusals`. */
  readonly reason: string;
  readonly detail: string;
  /** As the limits count it. */
  readonly remoteAddress: string;
}

export interface AttachOptions extends EntranceOptions<IncomingMessage> {
  /** A connection without a whole HTTP request by then is cut, TLS handshake included, in ms. @defaultValue 10,000 */
  readonly handshakeTimeoutMs?: number;
}

/** Where clients come in. */
export interface Attached {
  readonly counters: ServerCounters;
  /** Connections that were let in, registered or not. */
  readonly connections: number;
  /** Takes no more upgrades. Registered sockets are the router's to close. */
  close(): void;
}

/**
 * Serves SWS on every upgrade of an HTTP(S) server; works beside Express, Fastify, Hono on the same server.
 * @throws RangeError for an option that is out of its range
 */
export function attach(server: HttpServer | HttpsServer, options: AttachOptions): Attached {
  const { onSocket, onRefused, maxMessage = DEFAULT_MAX_MESSAGE_BYTES, counters = new ServerCounters() } = options;
  const gate = new Gate(options, counters);
  const handshakes = new Handshakes(server, options, gate.proxies, counters);
  const maxPayload = maxFrameBytes(maxMessage);
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    // A message may come in pieces, but not in so many that the bookkeeping outweighs it.
    maxFragments: 1_024,
    maxBufferedChunks: Math.max(1_024, maxPayload >> 6),
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  const upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    const { headers, socket } = request;
    const forwarded = headers['x-forwarded-for'];
    const visitor = {
      origin: headers.origin,
      protocols: headers['sec-websocket-protocol'],
      forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      address: socket.remoteAddress ?? '',
    };
    const entry = gate.enter(visitor);
    if (!entry.ok) {
      const remoteAddress = gate.proxies.clientOf(visitor.address, visitor.forwardedFor);
      onRefused?.({ reason: entry.reason, detail: 'not let in', remoteAddress });
      return refuse(raw, entry.status);
    }
    const { remoteAddress, registered, left } = entry.place;
    raw.once('close', left);
    let unread = MAX_UNREGISTERED_BYTES;
    const meter = (chunk: Buffer): void => {
      unread -= chunk.length;
      if (unread >= 0) return;
      raw.off('data', meter);
      counters.refuse('unregistered-flood');
      raw.destroy();
    };
    webSockets.handleUpgrade(request, raw, head, (webSocket) => {
      raw.on('data', meter);
      accept(wsSocket(webSocket, raw), request, { ...options, maxMessage, counters, remoteAddress }).then(
        (registeredSocket) => {
          raw.off('data', meter);
          registered();
          onSocket(registeredSocket);
          registeredSocket.start();
        },
        // Counted and closed by accept.
        (error: unknown) => {
          if (error instanceof SwsError) onRefused?.({ reason: error.code, detail: error.message, remoteAddress });
        },
      );
    });
  };
  server.on('upgrade', upgrade);
  return {
    counters,
    get connections() {
      return gate.connections;
    },
    close() {
      handshakes.close();
      server.off('upgrade', upgrade);
    },
  };
}

function refuse(raw: Duplex, status: 400 | 403 | 503): void {
  raw.on('error', () => {});
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  raw.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nConnection: close\r\n${retry}Content-Length: 0\r\n\r\n`);
}
