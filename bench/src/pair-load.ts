import { Child } from '@sws/testing/child';
import { readThreadsCpuUs } from '@sws/testing/usage';

/** The options of the load. */
export interface PairLoadOptions {
  /** The URLs to which clients connect in turn: one, or one per node. */
  readonly urls: readonly string[];
  readonly speaks: 'sws' | 'sws-json' | 'plain' | 'plain-json' | 'socket.io';
  readonly pairs: number;
  /** How many pairs send at a time. If fewer than `pairs`, pairs take turns. */
  readonly active: number;
  /** Messages in flight per active pair. */
  readonly inFlight: number;
  /** Messages of a pair before another takes its turn. @defaultValue the messages to be carried, divided by `active` */
  readonly perVisit?: number;
  /** Connect clients in a random order. @defaultValue false: the two clients of a pair connect one after the other */
  readonly shuffled?: boolean;
  /** The bytes of each message's content; at least 4. */
  readonly bytes: number;
}

const CONNECT_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 300_000;

/** Pairs of clients in their own process, and the processes that carry their messages. */
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

  /** Carries `messages` messages; resolves with the carriers' CPU time per message, in microseconds. */
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
