import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback. A test can cut, stall, slow and redirect its connections. */
export class FaultyProxy {
  readonly port: number;
  /** The port to which new connections are forwarded. */
  target: number;
  /** The limit of each direction of a connection; infinite for none. */
  bytesPerSecond = Number.POSITIVE_INFINITY;
  /** How many connections were accepted so far. */
  connections = 0;
  readonly #server: Server;
  readonly #links = new Set<readonly [Socket, Socket]>();
  #stalled: 'both' | 'up' | null = null;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.target = target;
    server.on('connection', (client) => this.#link(client));
  }

  /** Listens on a free port and forwards to `target`, a port on loopback. */
  static async start(target: number): Promise<FaultyProxy> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyProxy(server, target);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }
  get open(): number {
    return this.#links.size;
  }

  /** Cuts every connection with a TCP reset. New ones are accepted as before. */
  cut(): void {
    for (const link of this.#links) for (const socket of link) socket.resetAndDestroy();
  }

  /**
   * Stops forwarding on present and new connections without closing them, like a dead network. With `up`, data from the
   * relay still arrives.
   */
  stall(direction: 'both' | 'up' = 'both'): void {
    this.#stalled = direction;
    for (const [client, relay] of this.#links) {
      client.pause();
      if (direction === 'both') relay.pause();
    }
  }

  /** Forwards again, beginning with the waiting data. */
  flow(): void {
    this.#stalled = null;
    for (const link of this.#links) for (const socket of link) socket.resume();
  }

  /** Forwards new connections to another port, and cuts the present ones. */
  move(target: number): void {
    this.target = target;
    this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #link(client: Socket): void {
    this.connections++;
    const relay = connect(this.target, '127.0.0.1');
    const link = [client, relay] as const;
    this.#links.add(link);
    for (const socket of link) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#links.delete(link);
        for (const other of link) other.destroy();
      });
    }
    this.#forward(client, relay, 'up');
    this.#forward(relay, client, 'down');
    if (this.#stalled === null) client.resume();
    else {
      client.pause();
      if (this.#stalled === 'both') relay.pause();
    }
  }

  #forward(from: Socket, to: Socket, direction: 'up' | 'down'): void {
    let freeAt = 0;
    from.on('data', (data) => {
      const room = to.write(data);
      const now = performance.now();
      freeAt = Math.max(now, freeAt) + (data.length * 1_000) / this.bytesPerSecond;
      const waitMs = freeAt - now;
      if (room && waitMs < 5) return;
      from.pause();
      const goOn = (): void => {
        if (this.#stalled !== 'both' && this.#stalled !== direction) from.resume();
      };
      if (waitMs >= 5) setTimeout(() => (to.writableNeedDrain ? to.once('drain', goOn) : goOn()), waitMs);
      else to.once('drain', goOn);
    });
    from.on('end', () => to.end());
  }
}
