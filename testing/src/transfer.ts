import { Child, type ChildReport } from './child.js';
import type { Workload } from './workload.js';

/** Options of `@sws/client` that fit JSON. */
export interface ClientSettings {
  readonly waitForPeerMs?: number;
  readonly resumeTimeoutMs?: number;
  readonly maxMessageBytes?: number;
  readonly windowBytes?: number;
  readonly encoding?: 'binary' | 'json';
}

/** The options of a sender process. */
export interface SenderOptions {
  readonly url: string;
  /** 64 hex digits. */
  readonly seed: string;
  readonly peer: string;
  readonly workload: Workload;
  /** The pause between two messages. @defaultValue 0 */
  readonly paceMs?: number;
  /** With more than this unacknowledged, it waits for `drain`; with `null` it never waits. @defaultValue 4 MiB */
  readonly highWaterBytes?: number | null;
  /** How often it reports progress. @defaultValue 1 MiB */
  readonly reportEveryBytes?: number;
  readonly client?: ClientSettings;
}

/** The options of a receiver process. */
export interface ReceiverOptions {
  readonly url: string;
  /** 64 hex digits. */
  readonly seed: string;
  /** Reads through `SecureWebSocketStream` at this rate. @defaultValue reads everything, by `message` events */
  readonly readBytesPerSecond?: number;
  readonly client?: ClientSettings;
}

/** How a transfer ended, as both processes report it. */
export interface TransferResult {
  readonly sent: {
    readonly count: number;
    readonly bytes: number;
    readonly digest: string;
    readonly elapsedMs: number;
  };
  readonly received: {
    readonly count: number;
    readonly bytes: number;
    readonly digest: string;
    /** Messages without the expected index: repeated, out of order, or after a lost one. */
    readonly misplaced: number;
    readonly wasClean: boolean;
    readonly code: number;
  };
  readonly interruptions: { readonly sender: number; readonly receiver: number };
  readonly resumptions: { readonly sender: number; readonly receiver: number };
  readonly errors: readonly ChildReport[];
}

/** How long a child may take to exit once it has nothing to do. */
const EXIT_MS = 20_000;

/** A sender process that sends a workload to a receiver process. */
export class Transfer {
  readonly sender: Child;
  readonly receiver: Child;

  private constructor(sender: Child, receiver: Child) {
    this.sender = sender;
    this.receiver = receiver;
  }

  /** Starts the receiver, then the sender. They dial `receiverUrl` and `senderUrl`. */
  static async start(options: {
    readonly senderUrl: string;
    readonly receiverUrl: string;
    readonly workload: Workload;
    readonly sender?: Partial<SenderOptions>;
    readonly receiver?: Partial<ReceiverOptions>;
    readonly nodeFlags?: readonly string[];
  }): Promise<Transfer> {
    const { senderUrl, receiverUrl, workload, nodeFlags = [] } = options;
    const start = (name: string, arg: object): Promise<Child> =>
      Child.start({
        name,
        command: new URL(`../dist/children/${name}.js`, import.meta.url),
        args: [JSON.stringify(arg)],
        nodeFlags,
      });
    const receiver = await start('receiver', { url: receiverUrl, seed: 'b2'.repeat(32), ...options.receiver });
    const peer = String(receiver.readyReport.publicKey);
    const sender = await start('sender', {
      url: senderUrl,
      seed: 'a1'.repeat(32),
      peer,
      workload,
      ...options.sender,
    }).catch(async (error: unknown) => {
      await receiver.stop('SIGKILL');
      throw error;
    });
    return new Transfer(sender, receiver);
  }

  /** What the sender last reported as acknowledged. */
  get acknowledgedBytes(): number {
    return Number(this.sender.reports.findLast(({ event }) => event === 'progress')?.acknowledged ?? 0);
  }

  /** Resolves when the peer's process has acknowledged this many bytes; reports come every `reportEveryBytes`. */
  async acknowledged(bytes: number, timeoutMs: number): Promise<void> {
    await this.sender.report(
      ({ event, acknowledged }) => event === 'progress' && Number(acknowledged) >= bytes,
      timeoutMs,
    );
  }

  /** Resolves when the receiver has seen the close. Rejects if either fails first, or after `timeoutMs`. */
  async result(timeoutMs: number): Promise<TransferResult> {
    const closed = (child: Child) => child.report(({ event }) => event === 'closed', timeoutMs);
    const [, end] = await Promise.all([closed(this.sender), closed(this.receiver)]);
    const sent = this.sender.reports.find(({ event }) => event === 'delivered');
    const count = (child: Child, name: string) => child.reports.filter(({ event }) => event === name).length;
    const errors = [this.sender, this.receiver].flatMap(({ reports }) =>
      reports.filter(({ event }) => event === 'error'),
    );
    if (sent === undefined) throw new Error(`the sender did not deliver: ${JSON.stringify(errors)}`);
    return {
      sent: sent as unknown as TransferResult['sent'],
      received: end as unknown as TransferResult['received'],
      interruptions: { sender: count(this.sender, 'interrupted'), receiver: count(this.receiver, 'interrupted') },
      resumptions: { sender: count(this.sender, 'resumed'), receiver: count(this.receiver, 'resumed') },
      errors,
    };
  }

  /** Waits until both have exited, and ends those that do not. Resolves with whether both exited by themselves. */
  async finished(): Promise<boolean> {
    const left = await Promise.all(
      [this.sender, this.receiver].map(async (child) => {
        const timer = setTimeout(() => child.signal('SIGKILL'), EXIT_MS);
        const code = await child.exited;
        clearTimeout(timer);
        return code === 0;
      }),
    );
    return left.every(Boolean);
  }

  async kill(): Promise<void> {
    await Promise.all([this.sender.stop('SIGKILL'), this.receiver.stop('SIGKILL')]);
  }
}
