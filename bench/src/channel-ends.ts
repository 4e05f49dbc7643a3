import { Child } from '@sws/testing/child';
import { readThreadsCpuUs } from '@sws/testing/usage';

/** How two processes speak: over a channel, through a bare forwarder in plain `ws`, or directly over TLS. */
export type Speaks = 'sws' | 'plain' | 'tls';

/** What an end is told. */
export interface ChannelEndOptions {
  readonly speaks: Speaks;
  /** Of the relay or forwarder; of the listening end, for `tls`. */
  readonly url: string;
  readonly provider: string;
  /** Absent: this end listens. For `sws` the listener's key. */
  readonly peer?: string;
  /** For a listener over TLS: PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Carried {
  /** CPU time of both ends for each message, in microseconds. */
  readonly cpuUs: number;
  readonly mibPerSecond: number;
}

const START_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 300_000;
const MIB = 1_048_576;

/** Two processes with a line between them. */
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

  /** `count` messages of `bytes` one way; with `check` every byte is compared, else order and length. */
  async carry(count: number, bytes: number, check: boolean): Promise<Carried> {
    const before = this.#cpuUs();
    const arrived = next(this.#listener, `expect ${count} ${bytes} ${check ? 1 : 0}`);
    const started = performance.now();
    this.#dialler.write(`send ${count} ${bytes}`);
    await arrived;
    const seconds = (performance.now() - started) / 1_000;
    return { cpuUs: (this.#cpuUs() - before) / count, mibPerSecond: (count * bytes) / MIB / seconds };
  }

  /** Messages of 64 B to and back, one at a time: round trips in milliseconds. */
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

/** What a child reports next, once it has been told something. */
function next(child: Child, line: string) {
  const seen = child.reports.length;
  const report = child.report((one) => child.reports.indexOf(one) >= seen, RUN_TIMEOUT_MS);
  child.write(line);
  return report;
}
