import type { ServerCounters } from '../counters.js';
import { Entrance, type EntranceOptions } from '../entrance.js';
import { type Place, STATUS_TEXT, SUBPROTOCOL } from '../gate.js';
import { MAX_BACKPRESSURE_BYTES } from './backpressure.js';
import { CorkedSocket } from './corked-socket.js';

/** What is used of Bun's `ServerWebSocket`. */
export interface BunWebSocket {
  readonly data: BunSession;
  send(data: string | Uint8Array, compress?: boolean): number;
  cork(callback: () => void): unknown;
  getBufferedAmount(): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
}
/** What is used of Bun's `Server`. */
export interface BunServer {
  requestIP(request: Request): { readonly address: string } | null;
  upgrade(request: Request, options: { readonly data: BunSession; readonly headers: Record<string, string> }): boolean;
}

/** What a connection carries; made by the upgrade. */
export interface BunSession {
  readonly request: Request;
  readonly place: Place;
  socket: BunSocket | null;
}

/** For `Bun.serve({ websocket })`. */
export interface BunHandlers {
  readonly perMessageDeflate: false;
  readonly maxPayloadLength: number;
  readonly backpressureLimit: number;
  readonly closeOnBackpressureLimit: false;
  readonly idleTimeout: 0;
  readonly sendPings: false;
  open(socket: BunWebSocket): void;
  message(socket: BunWebSocket, message: string | Uint8Array): void;
  drain(socket: BunWebSocket): void;
  close(socket: BunWebSocket, code: number, reason: string): void;
}

export interface BunEntrance {
  /** For `fetch`: the refusal, or `undefined` where the connection was upgraded. */
  upgrade(request: Request, server: BunServer): Response | undefined;
  readonly websocket: BunHandlers;
  readonly counters: ServerCounters;
  /** Connections that were let in, registered or not. */
  readonly connections: number;
  /** Lets nobody in from here on. Registered sockets are the router's to close. */
  close(): void;
}

/**
 * Serves SWS with `Bun.serve({ fetch: (request, server) => sws.upgrade(request, server), websocket: sws.websocket })`.
 * It can't pause a socket.
 * @throws RangeError for an option that is out of its range
 */
export function bunEntrance(options: EntranceOptions<Request>): BunEntrance {
  const entrance = new Entrance(options);
  return {
    upgrade(request, server) {
      if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
        return new Response('a WebSocket is expected\n', { status: 426, headers: { Upgrade: 'websocket' } });
      const entry = entrance.enter({
        origin: request.headers.get('origin') ?? undefined,
        protocols: request.headers.get('sec-websocket-protocol') ?? undefined,
        forwardedFor: request.headers.get('x-forwarded-for') ?? undefined,
        address: server.requestIP(request)?.address ?? '',
      });
      if (!entry.ok) return new Response(null, { status: entry.status, statusText: STATUS_TEXT[entry.status] });
      const data: BunSession = { request, place: entry.place, socket: null };
      if (server.upgrade(request, { data, headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } })) return undefined;
      entry.place.left();
      return new Response(null, { status: 400 });
    },
    websocket: {
      perMessageDeflate: false,
      maxPayloadLength: entrance.maxFrameBytes,
      backpressureLimit: MAX_BACKPRESSURE_BYTES,
      closeOnBackpressureLimit: false,
      idleTimeout: 0,
      sendPings: false,
      open(socket) {
        const { data } = socket;
        data.socket = new BunSocket(socket);
        entrance.register(data.socket, data.request, data.place);
      },
      message: (socket, message) => socket.data.socket?.onmessage?.(message),
      drain: (socket) => socket.data.socket?.drained(),
      close({ data }, code) {
        data.place.left();
        data.socket?.closed(code === 1009 ? 'message-too-large' : code === 1002 || code === 1007 ? 'bad-frame' : null);
      },
    },
    counters: entrance.counters,
    get connections() {
      return entrance.connections;
    },
    close: () => entrance.close(),
  };
}

class BunSocket extends CorkedSocket {
  readonly #socket: BunWebSocket;

  constructor(socket: BunWebSocket) {
    super();
    this.#socket = socket;
  }
  protected override write(batch: readonly (string | Uint8Array)[]): void {
    this.#socket.cork(() => {
      for (const data of batch) this.#socket.send(data);
    });
  }
  protected override bufferedBytes(): number {
    return this.#socket.getBufferedAmount();
  }
  protected override end(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
  protected override cut(): void {
    this.#socket.terminate();
  }
}
