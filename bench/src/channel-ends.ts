import { Child } from '@sws/testing/child';
import { readThreadsCpuUs } from '@sws/testing/usage';

/** How two processes speak: over a channel, through a bare forwarder in plain `ws`, or directly over TLS. */
export type Speaks = 'sws' | 'plain' | 'tls';

/** The options of one end. */
export interface ChannelEndOptions {
  readonly speaks: Speaks;
  /** The URL of the relay or forwarder; for `tls`, of the listening end. */
  readonly url: string;
  readonly provider: string;
  /** How many channels carry the messages, in turn; for `sws`. @defaultValue 1 */
  readonly channels?: number;
  /** The end to dial; for `sws`, its key. Without it, this end listens. */
  readonly peer?: string;
  /** The key and certificate of a listener over TLS, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Carried {
  /** CPU time of both ends per message, in microseconds. */
  readonly cpuUs: number;
  readonly mibPerSecond: number;
}

const START_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 300_000;
const MIB = 1_048_576;

/** Two processes with a channel or connection between them. */
export class ChannelEnds {
  readonly #listener: Child;
  readonly #dialler: Child;

  private constructor(listener: Child, dialler: Child) {
    this.#listener = listener;
    this.#dialler = dialler;
  }

  static async start(options: Omit<ChannelEndOptions, 'peer'>): Promise<ChannelEnds> {
    const start = (role: string, told: ChannelEndOptions): Promise<Child> =>
      Child.start({
        name: `${role} (${told.speaks})`,
        command: new URL('../dist/children/channel-end.js', import.meta.url),
        args: [JSON.stringify(told)],
        readyTimeoutMs: START_TIMEOUT_MS,
      });
    const listener = await start('listener', options);
    const { publicKey: peer, port } = listener.readyReport as unknown as { publicKey: string; port: number | null };
    const { tls: _, ...rest } = options;
    const url = port === null ? options.url : `wss://127.0.0.1:${port}/`;
    return new ChannelEnds(listener, await start('dialler', { ...rest, url, peer }));
  }

  /** Carries `count` messages of `bytes` one way. With `check` it compares every byte, otherwise order and length. */
  async carry(count: number, bytes: number, check: boolean): Promise<Carried> {
    const before = this.#cpuUs();
    const arrived = next(this.#listener, `expect ${count} ${bytes} ${check ? 1 : 0}`);
    const started = performance.now();
    this.#dialler.write(`send ${count} ${bytes}`);
    await arrived;
    const seconds = (performance.now() - started) / 1_000;
    return { cpuUs: (this.#cpuUs() - before) / count, mibPerSecond: (count * bytes) / MIB / seconds };
  }

  /** Sends 64 B there and back, one message at a time; resolves with round trips in ms. */
  async roundTrips(count: number): Promise<{ readonly p50: number; readonly p99: number }> {
    const { p50, p99 } = await next(this.#dialler, `ping ${count}`);
    return { p50: Number(p50), p99: Number(p99) };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#dialler.stop('SIGKILL'), this.#listener.stop('SIGKILL')]);
  }

  #cpuUs(): number {
    return readThreadsCpuUs(this.#listener.pid) + readThreadsCpuUs(this.#dialler.pid);
  }
}

/** Writes a line to a child; resolves with the child's next report. */
function next(child: Child, line: string) {
  const seen = child.reports.length;
  const report = child.report((one) => child.reports.indexOf(one) >= seen, RUN_TIMEOUT_MS);
  child.write(line);
  return report;
}
