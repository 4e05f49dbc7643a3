import type { ServerCounters } from '../counters.js';
import { Entrance, type EntranceOptions } from '../entrance.js';
import { type Place, STATUS_TEXT, SUBPROTOCOL } from '../gate.js';
import { MAX_BACKPRESSURE_BYTES } from './backpressure.js';
import { CorkedSocket } from './corked-socket.js';

/** What is used of uWebSockets.js's `WebSocket`. */
export interface UwsWebSocket {
  send(message: string | Uint8Array, isBinary?: boolean): number;
  cork(callback: () => void): unknown;
  getBufferedAmount(): number;
  end(code?: number, shortMessage?: string): void;
  close(): void;
  getUserData(): UwsSession;
}
/** What is used of its `HttpResponse`. */
export interface UwsResponse {
  writeStatus(status: string): unknown;
  end(body?: string): unknown;
  getRemoteAddressAsText(): ArrayBuffer;
  upgrade(session: UwsSession, key: string, protocol: string, extensions: string, context: unknown): void;
}
/** What is used of its `HttpRequest`. */
export interface UwsHttpRequest {
  getUrl(): string;
  getQuery(): string;
  forEach(callback: (name: string, value: string) => void): void;
}

/** The upgrade request, for `authorize`: uWebSockets.js's own is valid for one turn only. */
export interface UwsRequest {
  readonly url: string;
  readonly query: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What a connection carries; made by the upgrade. */
export interface UwsSession {
  readonly request: UwsRequest;
  readonly place: Place;
  socket: UwsSocket | null;
}

/** For `app.ws(pattern, behavior)`. */
export interface UwsBehavior {
  readonly compression: 0;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly closeOnBackpressureLimit: false;
  readonly idleTimeout: 0;
  readonly sendPingsAutomatically: false;
  upgrade(response: UwsResponse, request: UwsHttpRequest, context: unknown): void;
  open(socket: UwsWebSocket): void;
  message(socket: UwsWebSocket, message: ArrayBuffer, isBinary: boolean): void;
  drain(socket: UwsWebSocket): void;
  close(socket: UwsWebSocket, code: number, message: ArrayBuffer): void;
}

export interface UwsEntrance {
  readonly behavior: UwsBehavior;
  readonly counters: ServerCounters;
  /** Connections that were let in, registered or not. */
  readonly connections: number;
  /** Lets nobody in from here on. Registered sockets are the router's to close. */
  close(): void;
}

/**
 * Serves SWS on an app of uWebSockets.js: `app.ws('/*', uwsEntrance(options).behavior)`. It can't pause a socket.
 * @throws RangeError for an option that is out of its range
 */
export function uwsEntrance(options: EntranceOptions<UwsRequest>): UwsEntrance {
  const entrance = new Entrance(options);
  const behavior: UwsBehavior = {
    compression: 0,
    maxPayloadLength: entrance.maxFrameBytes,
    maxBackpressure: MAX_BACKPRESSURE_BYTES,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      const headers = new Map<string, string>();
      request.forEach((name, value) => {
        headers.set(name, value);
      });
      const entry = entrance.enter({
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
      const key = headers.get('sec-websocket-key') ?? '';
      response.upgrade({ request: copy, place: entry.place, socket: null }, key, SUBPROTOCOL, '', context);
    },
    open(socket) {
      const session = socket.getUserData();
      session.socket = new UwsSocket(socket);
      entrance.register(session.socket, session.request, session.place);
    },
    message(socket, message, isBinary) {
      // The library takes the bytes back when this returns.
      const data = isBinary ? new Uint8Array(message.slice(0)) : Buffer.from(message).toString('utf8');
      socket.getUserData().socket?.onmessage?.(data);
    },
    drain: (socket) => socket.getUserData().socket?.drained(),
    close(socket, code, message) {
      const { place, socket: own } = socket.getUserData();
      place.left();
      const tooLarge = code === 1006 && Buffer.from(message).toString('latin1').includes('too big');
      own?.closed(tooLarge ? 'message-too-large' : code === 1006 && message.byteLength > 0 ? 'bad-frame' : null);
    },
  };
  return {
    behavior,
    counters: entrance.counters,
    get connections() {
      return entrance.connections;
    },
    close: () => entrance.close(),
  };
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
