import { Child } from '@sws/testing/child';
import { freePort } from '@sws/testing/free-port';

/** What a relay child is told. */
export interface RelayChildOptions {
  /** Where to listen, one node each; 0 for one that is free and stays so over a restart. */
  readonly ports: readonly number[];
  /** The relay's own identity, 64 hex digits: the same after a restart. */
  readonly seed: string;
  /** Further `RelayOptions` that fit JSON. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A relay in a process of its own, to be killed and started again on the same ports. */
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

  /** The URL that clients dial, of one node. */
  url(node = 0): string {
    return `ws://127.0.0.1:${this.ports[node]}/`;
  }

  /** Kills it with SIGKILL, waits `downMs`, and starts it again where it was. */
  async crash(downMs = 0): Promise<void> {
    await this.child.stop('SIGKILL');
    if (downMs > 0) await new Promise((resolve) => setTimeout(resolve, downMs));
    await this.child.restart([JSON.stringify({ ...this.#options, ports: this.ports })]);
  }

  stop(): Promise<number | null> {
    return this.child.stop('SIGKILL');
  }
}
