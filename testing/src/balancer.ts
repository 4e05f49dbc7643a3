import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A balancer in front of many nodes. Each TCP connection goes to the next node that accepts it. */
export class Balancer {
  readonly #server: Server;
  readonly #nodes = new Set<number>();
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  private constructor() {
    this.#server = createServer((client) => {
      this.#sockets.add(client);
      client.once('close', () => this.#sockets.delete(client)).on('error', () => {});
      this.#tryNode(client, [...this.#nodes]);
    });
  }

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    const address = this.#server.address();
    return `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
  }
  /** Sends new connections to this port too. */
  add(port: number): void {
    this.#nodes.add(port);
  }
  /** Stops new connections to a port, like a failed health check. Present ones stay. */
  remove(port: number): void {
    this.#nodes.delete(port);
  }
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #tryNode(client: Socket, left: readonly number[]): void {
    const port = left[this.#turn++ % Math.max(1, left.length)];
    if (port === undefined || client.destroyed) return void client.destroy();
    const node = connect(port, '127.0.0.1');
    let connected = false;
    node.once('connect', () => {
      connected = true;
      client.pipe(node).pipe(client);
    });
    node.on('error', () => {});
    node.once('close', () => {
      if (connected) client.destroy();
      else
        this.#tryNode(
          client,
          left.filter((other) => other !== port),
        );
    });
    client.once('close', () => node.destroy());
  }
}
