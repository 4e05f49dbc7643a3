import { Child } from '@sws/testing/child';
import { freePort } from '@sws/testing/free-port';

/** The options of a relay process. */
export interface RelayChildOptions {
  /** The ports to listen on, one per node; 0 picks a free port, which is kept over a restart. */
  readonly ports: readonly number[];
  /** The seed of the relay's identity, 64 hex digits. A restart keeps it. */
  readonly seed: string;
  /** Other `RelayOptions` that can be written in JSON. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A relay in its own process, which can be killed and started again on the same ports. */
export class RelayChild {
  readonly child: Child;
  readonly ports: readonly number[];
  readonly serverKey: string;
  readonly #options: RelayChildOptions;

  private constructor(child: Child, options: RelayChildOptions) {
    this.child = child;
    const { ports, serverKey } = child.readyReport as unknown as { ports: number[]; serverKey: string };
    this.ports = ports;
    this.serverKey = serverKey;
    this.#options = options;
  }

  static async start(options: Partial<RelayChildOptions> = {}): Promise<RelayChild> {
    const { ports = [0], ...rest } = options;
    const chosen = await Promise.all(ports.map((port) => (port === 0 ? freePort() : port)));
    const full = { seed: '5e'.repeat(32), ...rest, ports: chosen };
    const command = new URL('../dist/children/relay.js', import.meta.url);
    return new RelayChild(await Child.start({ name: 'relay', command, args: [JSON.stringify(full)] }), full);
  }

  /** The URL of one node. */
  url(node = 0): string {
    return `ws://127.0.0.1:${this.ports[node]}/`;
  }

  /** Kills the relay with SIGKILL, waits `downMs`, and starts it again on the same ports. */
  async crash(downMs = 0): Promise<void> {
    await this.child.stop('SIGKILL');
    if (downMs > 0) await new Promise((resolve) => setTimeout(resolve, downMs));
    await this.child.restart([JSON.stringify({ ...this.#options, ports: this.ports })]);
  }

  stop(): Promise<number | null> {
    return this.child.stop('SIGKILL');
  }
}
