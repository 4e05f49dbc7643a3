import type { ServerCounters } from '../counters.js';
import { Entrance, type EntranceOptions } from '../entrance.js';
import { type Place, STATUS_TEXT, SUBPROTOCOL } from '../gate.js';
import { CorkedSocket } from './corked-socket.js';

/** Deno's sockets do not say when they have written: those that hold something are asked this often. */
const POLL_MS = 20;

/** What is used of the WebSocket that Deno gives. */
export interface DenoWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
}
/** `Deno.upgradeWebSocket`. */
export type DenoUpgrade = (
  request: Request,
  options: { readonly protocol: string; readonly idleTimeout: number },
) => { readonly socket: DenoWebSocket; readonly response: Response };
/** What is used of the second argument of a `Deno.serve` handler. */
export interface DenoServeInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

export interface DenoEntrance {
  /** For `Deno.serve`: the upgrade, or a refusal. */
  handler(request: Request, info: DenoServeInfo): Response;
  readonly counters: ServerCounters;
  /** Connections that were let in, registered or not. */
  readonly connections: number;
  /** Lets nobody in from here on. Registered sockets are the router's to close. */
  close(): void;
}

export interface DenoEntranceOptions extends EntranceOptions<Request> {
  /** `Deno.upgradeWebSocket`. */
  readonly upgradeWebSocket: DenoUpgrade;
}

/**
 * Serves SWS with `Deno.serve(denoEntrance({ upgradeWebSocket: Deno.upgradeWebSocket, … }).handler)`. It can't pause a
 * socket, nor end one without a closing handshake; Deno itself reads messages of up to 64 MiB, larger ones than
 * `maxMessage` allows are refused then.
 * @throws RangeError for an option that is out of its range
 */
export function denoEntrance(options: DenoEntranceOptions): DenoEntrance {
  const entrance = new Entrance(options);
  return {
    handler(request, info) {
      if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
        return new Response('a WebSocket is expected\n', { status: 426, headers: { Upgrade: 'websocket' } });
      const entry = entrance.enter({
        origin: request.headers.get('origin') ?? undefined,
        protocols: request.headers.get('sec-websocket-protocol') ?? undefined,
        forwardedFor: request.headers.get('x-forwarded-for') ?? undefined,
        address: info.remoteAddr.hostname ?? '',
      });
      if (!entry.ok) return new Response(null, { status: entry.status, statusText: STATUS_TEXT[entry.status] });
      const { place } = entry;
      const { socket, response } = options.upgradeWebSocket(request, { protocol: SUBPROTOCOL, idleTimeout: 0 });
      listen(socket, place, () => {
        const own = new DenoSocket(socket, entrance.maxFrameBytes);
        entrance.register(own, request, place);
        return own;
      });
      return response;
    },
    counters: entrance.counters,
    get connections() {
      return entrance.connections;
    },
    close: () => entrance.close(),
  };
}

function listen(socket: DenoWebSocket, place: Place, opened: () => DenoSocket): void {
  let own: DenoSocket | null = null;
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    own = opened();
  };
  socket.onmessage = ({ data }) => own?.received(data);
  socket.onerror = () => {};
  socket.onclose = ({ code }) => {
    place.left();
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
    // Deno lets a server close with 1000 and 3000 to 4999 only, and knows no other end: the client sees none, and comes back.
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
