import { Acceptor, type AcceptorOptions } from '../acceptor.js';
import { type Slot, SUBPROTOCOL } from '../connection-limits.js';
import type { ServerCounters } from '../counters.js';
import { CorkedSocket } from './corked-socket.js';
import { enterRequest } from './web-request.js';

/** How often to check a socket's buffer. Deno's sockets do not report when they have written. */
const POLL_MS = 20;

/** What is used of the WebSocket that Deno gives. */
export interface DenoWebSocket {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** Bytes that wait for the network. */
  readonly bufferedAmount: number;
  /** Sends one message. */
  send(data: string | Uint8Array): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Called when it is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each message. */
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /** Called once, when the connection has ended. */
  onclose: ((event: { readonly code: number }) => void) | null;
  /** Called on an error; `onclose` follows. */
  onerror: ((event: never) => void) | null;
}
/** What `Deno.upgradeWebSocket` returns. */
export interface DenoUpgraded {
  /** The WebSocket. */
  readonly socket: DenoWebSocket;
  /** The answer to the request. */
  readonly response: Response;
}
/** `Deno.upgradeWebSocket`. */
export type DenoUpgrade = (
  request: Request,
  options: { readonly protocol: string; readonly idleTimeout: number },
) => DenoUpgraded;
/** What is used of the second argument of a `Deno.serve` handler. */
export interface DenoServeInfo {
  /** Where the request came from; `hostname` is an IP address. */
  readonly remoteAddr: Partial<Record<'hostname', string>>;
}

/** What `denoAcceptor` returns. */
export interface DenoAcceptor {
  /** For `Deno.serve`: answers with the upgrade, or with a refusal. */
  handler(request: Request, info: DenoServeInfo): Response;
  /** What it has done since it began. */
  readonly counters: ServerCounters;
  /** Open connections, registered or not. */
  readonly connections: number;
  /** Refuses every upgrade from now on. The router closes registered sockets. */
  close(): void;
}

/** Options of `denoAcceptor`. */
export interface DenoAcceptorOptions extends AcceptorOptions<Request> {
  /** Pass `Deno.upgradeWebSocket`. */
  readonly upgradeWebSocket: DenoUpgrade;
}

/**
 * Serves SWS with `Deno.serve(denoAcceptor({ upgradeWebSocket: Deno.upgradeWebSocket, … }).handler)`. Deno cannot
 * pause a socket, or end one without a closing handshake. It reads messages of up to 64 MiB; one larger than
 * `maxMessage` is refused once it was read. It does not report pings, pongs and fragments, so they are not counted.
 * @throws RangeError for an option that is out of its range
 */
export function denoAcceptor(options: DenoAcceptorOptions): DenoAcceptor {
  const acceptor = new Acceptor(options);
  return {
    handler(request, info) {
      const slot = enterRequest(acceptor, request, info.remoteAddr.hostname);
      if (slot instanceof Response) return slot;
      const { socket, response } = options.upgradeWebSocket(request, { protocol: SUBPROTOCOL, idleTimeout: 0 });
      listen(socket, slot, () => {
        const own = new DenoSocket(socket, acceptor.maxFrameBytes);
        acceptor.register(own, request, slot);
        return own;
      });
      return response;
    },
    counters: acceptor.counters,
    get connections() {
      return acceptor.connections;
    },
    close: () => acceptor.close(),
  };
}

function listen(socket: DenoWebSocket, slot: Slot, opened: () => DenoSocket): void {
  let own: DenoSocket | null = null;
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    const open = opened();
    own = open;
    socket.onmessage = ({ data }) => open.received(data);
  };
  socket.onerror = () => {};
  socket.onclose = ({ code }) => {
    slot.left();
    own?.closed(code === 1009 ? 'message-too-large' : code === 1002 || code === 1007 ? 'bad-frame' : null);
  };
}

class DenoSocket extends CorkedSocket {
  readonly #socket: DenoWebSocket;
  readonly #maxFrameBytes: number;
  #polling = false;

  constructor(socket: DenoWebSocket, maxFrameBytes: number) {
    super();
    this.#socket = socket;
    this.#maxFrameBytes = maxFrameBytes;
  }
  received(data: unknown): void {
    const message = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    if (typeof message !== 'string' && !(message instanceof Uint8Array)) return;
    if (message.length <= this.#maxFrameBytes) return this.onmessage?.(message);
    this.cut();
    this.closed('message-too-large');
  }
  protected override write(batch: readonly (string | Uint8Array)[]): void {
    for (const data of batch) this.#socket.send(data);
    this.#poll();
  }
  protected override bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }
  protected override end(code: number, reason: string): void {
    if (code === 1000 || code >= 3000) this.#socket.close(code, reason);
    else this.cut();
  }
  protected override cut(): void {
    // Deno lets a server close only with 1000 and 3000–4999, or without a code. A client that sees no code reconnects.
    this.#socket.close();
  }
  #poll(): void {
    if (this.#polling || this.#socket.bufferedAmount === 0) return;
    this.#polling = true;
    setTimeout(() => {
      this.#polling = false;
      this.drained();
      if (this.behind) this.#poll();
    }, POLL_MS);
  }
}
