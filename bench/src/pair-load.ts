import { Child } from '@sws/testing/child';
import { readThreadsCpuUs } from '@sws/testing/usage';

/** What the load is told. */
export interface PairLoadOptions {
  /** Where clients connect, in turn: one each, or several nodes. */
  readonly urls: readonly string[];
  readonly speaks: 'sws' | 'sws-json' | 'plain' | 'plain-json' | 'socket.io';
  readonly pairs: number;
  /** So many pairs throw messages at a time; with fewer than `pairs` the turn goes round. */
  readonly active: number;
  /** Messages in the air for each active pair. */
  readonly inFlight: number;
  /** After so many messages the turn goes on. @defaultValue what is to be carried, over `active` */
  readonly perVisit?: number;
  /** Clients connect in a random order. @defaultValue false: the two of a pair one after the other */
  readonly shuffled?: boolean;
  /** Of each message's content; at least 4. */
  readonly bytes: number;
}

const CONNECT_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 300_000;

/** Pairs of clients in a process of their own, and the processes that carry what they say. */
export class PairLoad {
  readonly #load: Child;
  readonly #carriers: readonly { readonly pid: number }[];

  private constructor(load: Child, carriers: readonly { readonly pid: number }[]) {
    this.#load = load;
    this.#carriers = carriers;
  }

  /** `carriers` are the processes under test. */
  static async start(options: PairLoadOptions, carriers: readonly { readonly pid: number }[]): Promise<PairLoad> {
    const load = await Child.start({
      name: `load (${options.speaks})`,
      command: new URL('../dist/children/pair-load.js', import.meta.url),
      args: [JSON.stringify(options)],
      readyTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    return new PairLoad(load, carriers);
  }

  /** Carries so many messages; resolves with the carriers' CPU time for each, in microseconds. */
  async run(messages: number): Promise<number> {
    const before = this.#cpuUs();
    const seen = this.#load.reports.length;
    this.#load.write(`run ${messages}`);
    const done = await this.#load.report((report) => this.#load.reports.indexOf(report) >= seen, RUN_TIMEOUT_MS);
    if (done.received !== messages) throw new Error(`${done.received} of ${messages} messages arrived`);
    return (this.#cpuUs() - before) / messages;
  }

  stop(): Promise<number | null> {
    return this.#load.stop('SIGKILL');
  }

  #cpuUs(): number {
    return this.#carriers.reduce((sum, { pid }) => sum + readThreadsCpuUs(pid), 0);
  }
}
