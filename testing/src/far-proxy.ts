import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How long the queue at the bottleneck may be, in ms. While it is longer, nothing is read. */
const QUEUE_MS = 5;

/** The properties of a path. They can be changed while it is used. */
export interface FarWay {
  /** The one-way delay, in ms. */
  delayMs: number;
  /** The limit of each direction of each connection; infinite for none. */
  bytesPerSecond: number;
}

/** A TCP proxy on loopback that makes the path to a port long and narrow. */
export class FarProxy {
  readonly port: number;
  readonly way: FarWay;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: number, way: FarWay) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.way = way;
    server.on('connection', (client) => {
      const relay = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [client, relay],
        [relay, client],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        forward(from, to, way);
      }
    });
  }

  /** Listens on a free port and forwards to `target`, a port on loopback. */
  static async start(target: number, way: FarWay): Promise<FarProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FarProxy(server, target, way);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function forward(from: Socket, to: Socket, way: FarWay): void {
  /** When the bottleneck is free again. */
  let freeAt = 0;
  const underWay: { readonly atMs: number; readonly data: Buffer }[] = [];
  let arrives: NodeJS.Timeout | undefined;
  const arrive = (): void => {
    arrives = undefined;
    const now = performance.now();
    let count = 0;
    for (let next = underWay[0]; next !== undefined && next.atMs <= now; next = underWay[++count]) to.write(next.data);
    underWay.splice(0, count);
    const next = underWay[0];
    if (next !== undefined) arrives = setTimeout(arrive, next.atMs - now);
  };
  // A slow reader stops the reading here. Data in flight still arrives.
  const goOn = (): void => {
    if (to.writableNeedDrain) to.once('drain', goOn);
    else from.resume();
  };
  from.on('data', (data) => {
    const now = performance.now();
    freeAt = Math.max(now, freeAt) + (data.length * 1_000) / way.bytesPerSecond;
    underWay.push({ atMs: freeAt + way.delayMs, data });
    arrives ??= setTimeout(arrive, freeAt + way.delayMs - now);
    const queuedMs = freeAt - now;
    if (queuedMs <= QUEUE_MS && !to.writableNeedDrain) return;
    from.pause();
    if (queuedMs > QUEUE_MS) setTimeout(goOn, queuedMs - QUEUE_MS);
    else goOn();
  });
  from.on('end', () => setTimeout(() => to.end(), way.delayMs + freeAt - performance.now()));
  from.on('close', () => clearTimeout(arrives));
}
