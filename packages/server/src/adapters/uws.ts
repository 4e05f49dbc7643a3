import { Acceptor, type AcceptorOptions } from '../acceptor.js';
import { type Slot, STATUS_TEXT, SUBPROTOCOL } from '../connection-limits.js';
import type { ServerCounters } from '../counters.js';
import { MAX_BACKPRESSURE_BYTES } from './backpressure.js';
import { CorkedSocket } from './corked-socket.js';

/** What is used of uWebSockets.js's `WebSocket`. */
export interface UwsWebSocket {
  /** Sends one message: 1 if it was written, 0 under backpressure, 2 if it was dropped. */
  send(message: string | Uint8Array, isBinary?: boolean): number;
  /** Writes everything that is sent in the callback at once. */
  cork(callback: () => void): unknown;
  /** Bytes that wait for the network. */
  getBufferedAmount(): number;
  /** Starts the closing handshake. */
  end(code?: number, shortMessage?: string): void;
  /** Ends the connection without a closing handshake. */
  close(): void;
  /** What the upgrade attached. */
  getUserData(): UwsSession;
}
/** What is used of its `HttpResponse`. */
export interface UwsResponse {
  /** Sets the status. */
  writeStatus(status: string): unknown;
  /** Sends the answer. */
  end(body?: string): unknown;
  /** The address that the request came from. */
  getRemoteAddressAsText(): ArrayBuffer;
  /** Makes a WebSocket of the request. */
  upgrade(
    session: Omit<UwsSession, 'socket'>,
    key: string,
    protocol: string,
    extensions: string,
    context: unknown,
  ): void;
}
/** What is used of its `HttpRequest`. */
export interface UwsHttpRequest {
  /** The path. */
  getUrl(): string;
  /** The query, without the question mark. */
  getQuery(): string;
  /** Calls back with each header, by its lower-case name. */
  forEach(callback: (name: string, value: string) => void): void;
}

/** The upgrade request, for `authorize`: uWebSockets.js's own is valid for one turn only. */
export interface UwsRequest {
  /** The path. */
  readonly url: string;
  /** The query, without the question mark. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What a connection carries; made by the upgrade. Its members are ours alone. */
export interface UwsSession {
  /** @internal */
  readonly request: UwsRequest;
  /** @internal */
  readonly slot: Slot;
  /** From `open` on, which comes before all else. @internal */
  socket: UwsSocket;
}

/** Settings and callbacks for `app.ws(pattern, behavior)`. Pass them unchanged. */
export interface UwsBehavior {
  /** Sealed bytes do not compress. */
  readonly compression: 0;
  /** The largest message that is read, in bytes. */
  readonly maxPayloadLength: number;
  /** How much may wait for a client, in bytes. */
  readonly maxBackpressure: number;
  /** The adapter itself holds back what does not fit. */
  readonly closeOnBackpressureLimit: false;
  /** The relay has pings of its own. */
  readonly idleTimeout: 0;
  /** The relay has pings of its own. */
  readonly sendPingsAutomatically: false;
  /** Takes or refuses an upgrade. */
  upgrade(response: UwsResponse, request: UwsHttpRequest, context: unknown): void;
  /** A connection is open. */
  open(socket: UwsWebSocket): void;
  /** A message has come. */
  message(socket: UwsWebSocket, message: ArrayBuffer, isBinary: boolean): void;
  /** Bytes have left its buffer. */
  drain(socket: UwsWebSocket): void;
  /** A ping has come. */
  ping(socket: UwsWebSocket, data: ArrayBuffer): void;
  /** A pong has come. */
  pong(socket: UwsWebSocket, data: ArrayBuffer): void;
  /** A connection has ended. */
  close(socket: UwsWebSocket, code: number, message: ArrayBuffer): void;
}

/** What `uwsAcceptor` returns. */
export interface UwsAcceptor {
  /** For `app.ws(pattern, behavior)`. */
  readonly behavior: UwsBehavior;
  /** What it has done since it began. */
  readonly counters: ServerCounters;
  /** Open connections, registered or not. */
  readonly connections: number;
  /** Refuses every upgrade from now on. The router closes registered sockets. */
  close(): void;
}

/**
 * Serves SWS on an app of uWebSockets.js: `app.ws('/*', uwsAcceptor(options).behavior)`. It can't pause a socket.
 * @throws RangeError for an option that is out of its range
 */
export function uwsAcceptor(options: AcceptorOptions<UwsRequest>): UwsAcceptor {
  const acceptor = new Acceptor(options);
  const behavior: UwsBehavior = {
    compression: 0,
    maxPayloadLength: acceptor.maxFrameBytes,
    maxBackpressure: MAX_BACKPRESSURE_BYTES,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      const headers = new Map<string, string>();
      request.forEach((name, value) => {
        headers.set(name, value);
      });
      const entry = acceptor.enter({
        origin: headers.get('origin'),
        protocols: headers.get('sec-websocket-protocol'),
        forwardedFor: headers.get('x-forwarded-for'),
        address: Buffer.from(response.getRemoteAddressAsText()).toString('latin1'),
      });
      if (!entry.ok) {
        response.writeStatus(`${entry.status} ${STATUS_TEXT[entry.status]}`);
        response.end();
        return;
      }
      const copy = { url: request.getUrl(), query: request.getQuery(), headers };
      // Without a key the library has not come here.
      const key = String(headers.get('sec-websocket-key'));
      response.upgrade({ request: copy, slot: entry.slot }, key, SUBPROTOCOL, '', context);
    },
    open(socket) {
      const session = socket.getUserData();
      session.socket = new UwsSocket(socket);
      acceptor.register(session.socket, session.request, session.slot);
    },
    message(socket, message, isBinary) {
      // The library takes the bytes back when this returns.
      const data = isBinary ? new Uint8Array(message.slice(0)) : Buffer.from(message).toString('utf8');
      socket.getUserData().socket.onmessage?.(data);
    },
    drain: (socket) => socket.getUserData().socket.drained(),
    ping: control,
    pong: control,
    close(socket, code, message) {
      const { slot, socket: own } = socket.getUserData();
      slot.left();
      const tooLarge = code === 1006 && Buffer.from(message).toString('latin1').includes('too big');
      own.closed(tooLarge ? 'message-too-large' : code === 1006 && message.byteLength > 0 ? 'bad-frame' : null);
    },
  };
  return {
    behavior,
    counters: acceptor.counters,
    get connections() {
      return acceptor.connections;
    },
    close: () => acceptor.close(),
  };
}

/** The library answers pings itself, within `maxBackpressure`; of fragments it tells nothing. */
function control(socket: UwsWebSocket, data: ArrayBuffer): void {
  socket.getUserData().socket.onframes?.(1, data.byteLength);
}

class UwsSocket extends CorkedSocket {
  readonly #socket: UwsWebSocket;

  constructor(socket: UwsWebSocket) {
    super();
    this.#socket = socket;
  }
  protected override write(batch: readonly (string | Uint8Array)[]): void {
    this.#socket.cork(() => {
      for (const data of batch) this.#socket.send(data, typeof data !== 'string');
    });
  }
  protected override bufferedBytes(): number {
    return this.#socket.getBufferedAmount();
  }
  protected override end(code: number, reason: string): void {
    this.#socket.end(code, reason);
  }
  protected override cut(): void {
    this.#socket.close();
  }
}
