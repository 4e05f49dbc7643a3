import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { Acceptor, type AcceptorOptions, type Attached } from './acceptor.js';
import { wsSocket } from './adapters/ws.js';
import {
  type ConnectionBounds,
  offersSubprotocol,
  type RefusalStatus,
  type Slot,
  STATUS_TEXT,
  SUBPROTOCOL,
  type UpgradeInfo,
} from './connection-limits.js';
import { atEndOfTurn } from './end-of-turn.js';
import { PreRequestLimits } from './pre-request-limits.js';
import { shareUpgrades } from './upgrades.js';

/**
 * An unregistered connection that sends this much is cut. A frame over 4 KiB is answered with an error; a flood is
 * dropped unread.
 */
const MAX_UNREGISTERED_BYTES = 16_384;
/** The most fragments of a message. With more, the bookkeeping would need more memory than the message. */
const MAX_FRAGMENTS = 1_024;
const MIN_CHUNK_BYTES = 64;

const SLOT = Symbol('slot');
type Slotted = Duplex & { [SLOT]: Slot };

/** Options of `serveUpgrades`. */
export interface ServeUpgradesOptions extends AcceptorOptions<IncomingMessage> {
  /**
   * Takes only upgrades for this path. Set it if the relay shares a host name; clients dial `wss://relay.example/path`.
   * A slash at the end does not matter. @defaultValue every path
   */
  readonly path?: string;
  /**
   * Decides whether to take an upgrade that offers `sws.v1` and is for `path`. Set it if the path alone is not enough.
   * @defaultValue takes it
   */
  readonly shouldHandle?: (request: IncomingMessage) => boolean;
  /**
   * How long a connection may take for TLS and a whole HTTP request before it is cut, in ms. Lower it under attack.
   * @defaultValue 10,000
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * Set it if the server serves only short answers beside SWS. A connection that is not upgraded then counts as pending
   * until it ends, and each request with its answer must end within `handshakeTimeoutMs`. @defaultValue false: other
   * frameworks on this server have their own limits
   */
  readonly exclusive?: boolean;
}

/** What `serveUpgrades` returns. */
export interface ServedUpgrades extends Attached {
  /** Changes how many may be connected. An absent bound returns to its default. Open connections stay open. */
  setBounds(bounds: ConnectionBounds): void;
}

/**
 * Serves SWS on an HTTP(S) server. It takes the upgrades that offer `sws.v1`, and leaves all others to the server's
 * other listeners (`ws`, Socket.IO, Fastify's and Hono's plug-ins). An upgrade that nobody answers is cut after
 * `handshakeTimeoutMs`; without another listener it is refused at once.
 * @throws RangeError for an option that is out of its range
 */
export function serveUpgrades(server: HttpServer | HttpsServer, options: ServeUpgradesOptions): ServedUpgrades {
  const acceptor = new Acceptor(options);
  const { counters, connectionLimits, maxFrameBytes } = acceptor;
  const handshakes = new PreRequestLimits(server, options, connectionLimits.proxies, counters);
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: maxFrameBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: Math.ceil(maxFrameBytes / MIN_CHUNK_BYTES),
    handleProtocols: () => SUBPROTOCOL, // what does not offer it is not taken
  });

  const take = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    handshakes.upgraded(request);
    const entry = acceptor.enter(upgradeInfoOf(request));
    if (!entry.ok) return refuse(raw, entry.status);
    const { slot } = entry;
    (raw as Slotted)[SLOT] = slot;
    raw.on('close', leave);
    let unread = MAX_UNREGISTERED_BYTES;
    const meter = (chunk: Buffer): void => {
      unread -= chunk.length;
      if (unread >= 0) return;
      counters.refuse('unregistered-flood');
      raw.destroy();
    };
    // The answer to the upgrade and the challenge go out in one write.
    raw.cork();
    webSockets.handleUpgrade(request, raw, head, (webSocket) => {
      raw.on('data', meter);
      acceptor.register(wsSocket(webSocket, raw), request, slot, () => {
        raw.off('data', meter); // do not keep this closure in memory for the life of the connection
      });
    });
    atEndOfTurn({ endTurn: () => raw.uncork() });
  };
  const { path, shouldHandle = () => true } = options;
  const wanted = path === undefined ? null : withoutSlash(path);
  shareUpgrades(server, {
    isOurs: (request) =>
      offersSubprotocol(request.headers['sec-websocket-protocol']) &&
      (wanted === null || withoutSlash(String(request.url).split('?')[0] ?? '') === wanted) &&
      shouldHandle(request),
    take,
    leave: (request) => handshakes.left(request),
    refuse(request, raw) {
      handshakes.upgraded(request);
      refuse(raw, acceptor.refuse(upgradeInfoOf(request)));
    },
    request: (request, response) => handshakes.requested(request, response),
  });
  return {
    counters,
    get connections() {
      return acceptor.connections;
    },
    setBounds(bounds) {
      connectionLimits.setBounds(bounds);
      handshakes.setBounds(bounds);
    },
    close() {
      // Keep the listener to answer upgrades with 503: without one, the client would wait for an answer.
      acceptor.close();
      handshakes.close();
    },
  };
}

/** One function for all connections. */
function leave(this: Slotted): void {
  this[SLOT].left();
}

function upgradeInfoOf({ headers, socket }: IncomingMessage): UpgradeInfo {
  return {
    origin: headers.origin,
    protocols: headers['sec-websocket-protocol'],
    forwardedFor: headers['x-forwarded-for']?.toString(),
    address: socket.remoteAddress ?? '',
  };
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function refuse(raw: Duplex, status: RefusalStatus): void {
  raw.on('error', () => {});
  raw.once('finish', () => raw.destroy()); // a client may keep its own side open for ever
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  raw.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nConnection: close\r\n${retry}Content-Length: 0\r\n\r\n`);
}
