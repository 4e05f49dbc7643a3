import { Acceptor, type AcceptorOptions } from '../acceptor.js';
import { type Slot, SUBPROTOCOL } from '../connection-limits.js';
import type { ServerCounters } from '../counters.js';
import { MAX_BACKPRESSURE_BYTES } from './backpressure.js';
import { CorkedSocket } from './corked-socket.js';
import { enterRequest } from './web-request.js';

/** What is used of Bun's `ServerWebSocket`. */
export interface BunWebSocket {
  /** What the upgrade attached. */
  readonly data: BunSession;
  /** Sends one message: the bytes written, 0 if it was dropped, -1 under backpressure. */
  send(data: string | Uint8Array, compress?: boolean): number;
  /** Writes everything that is sent in the callback at once. */
  cork(callback: () => void): unknown;
  /** Bytes that wait for the network. */
  getBufferedAmount(): number;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Ends the connection without a closing handshake. */
  terminate(): void;
}
/** What is used of Bun's `SocketAddress`. */
export interface SocketAddressLike {
  /** An IP address. */
  readonly address: string;
}
/** What Bun's `upgrade` is given. */
export interface BunUpgradeOptions {
  /** Attached to the WebSocket. */
  readonly data: BunSession;
  /** Headers of the answer. */
  readonly headers: Record<string, string>;
}
/** What is used of Bun's `Server`. */
export interface BunServer {
  /** The address that a request came from. */
  requestIP(request: Request): SocketAddressLike | null;
  /** Makes a WebSocket of a request; whether it could. */
  upgrade(request: Request, options: BunUpgradeOptions): boolean;
}

/** What a connection carries; made by the upgrade. Its members are ours alone. */
export interface BunSession {
  /** @internal */
  readonly request: Request;
  /** @internal */
  readonly slot: Slot;
  /** @internal */
  socket: BunSocket | null;
}

/** Settings and callbacks for `Bun.serve({ websocket })`. Pass them unchanged. */
export interface BunHandlers {
  /** Sealed bytes do not compress. */
  readonly perMessageDeflate: false;
  /** The largest message that is read, in bytes. */
  readonly maxPayloadLength: number;
  /** How much may wait for a client, in bytes. */
  readonly backpressureLimit: number;
  /** The adapter itself holds back what does not fit. */
  readonly closeOnBackpressureLimit: false;
  /** The relay has pings of its own. */
  readonly idleTimeout: 0;
  /** The relay has pings of its own. */
  readonly sendPings: false;
  /** A connection is open. */
  open(socket: BunWebSocket): void;
  /** A message has come. */
  message(socket: BunWebSocket, message: string | Uint8Array): void;
  /** Bytes have left its buffer. */
  drain(socket: BunWebSocket): void;
  /** A ping has come. */
  ping(socket: BunWebSocket, data: Uint8Array): void;
  /** A pong has come. */
  pong(socket: BunWebSocket, data: Uint8Array): void;
  /** A connection has ended. */
  close(socket: BunWebSocket, code: number, reason: string): void;
}

/** What `bunAcceptor` returns. */
export interface BunAcceptor {
  /** Call it in `fetch`: returns the refusal, or `undefined` where the connection was upgraded. */
  upgrade(request: Request, server: BunServer): Response | undefined;
  /** For `Bun.serve({ websocket })`. */
  readonly websocket: BunHandlers;
  /** What it has done since it began. */
  readonly counters: ServerCounters;
  /** Open connections, registered or not. */
  readonly connections: number;
  /** Refuses every upgrade from now on. The router closes registered sockets. */
  close(): void;
}

/**
 * Serves SWS with `Bun.serve({ fetch: (request, server) => sws.upgrade(request, server), websocket: sws.websocket })`.
 * It can't pause a socket.
 * @throws RangeError for an option that is out of its range
 */
export function bunAcceptor(options: AcceptorOptions<Request>): BunAcceptor {
  const acceptor = new Acceptor(options);
  return {
    upgrade(request, server) {
      const slot = enterRequest(acceptor, request, server.requestIP(request)?.address);
      if (slot instanceof Response) return slot;
      const data: BunSession = { request, slot, socket: null };
      if (server.upgrade(request, { data, headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } })) return undefined;
      slot.left();
      return new Response(null, { status: 400 });
    },
    websocket: {
      perMessageDeflate: false,
      maxPayloadLength: acceptor.maxFrameBytes,
      backpressureLimit: MAX_BACKPRESSURE_BYTES,
      closeOnBackpressureLimit: false,
      idleTimeout: 0,
      sendPings: false,
      open(socket) {
        const { data } = socket;
        data.socket = new BunSocket(socket);
        acceptor.register(data.socket, data.request, data.slot);
      },
      message: (socket, message) => socket.data.socket?.onmessage?.(message),
      drain: (socket) => socket.data.socket?.drained(),
      ping: control,
      pong: control,
      close({ data }, code) {
        data.slot.left();
        data.socket?.closed(code === 1009 ? 'message-too-large' : code === 1002 || code === 1007 ? 'bad-frame' : null);
      },
    },
    counters: acceptor.counters,
    get connections() {
      return acceptor.connections;
    },
    close: () => acceptor.close(),
  };
}

/** Bun answers pings itself, within `backpressureLimit`; of fragments it tells nothing. */
function control(socket: BunWebSocket, data: Uint8Array): void {
  socket.data.socket?.onframes?.(1, data.length);
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
