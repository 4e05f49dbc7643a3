import { freePort } from './free-port.js';
import { complaintsOf, LiveTransfer, type LiveTransferOptions, type TransfersOptions } from './live-transfer.js';
import { RelayProcess } from './relay-process.js';

export interface UpgradeRunOptions extends TransfersOptions {
  readonly spreadSeconds: number;
}

export interface UpgradeRunFigures {
  readonly messages: number;
  readonly complaints: readonly string[];
  /** When each client was registered again, in ms after SIGTERM. */
  readonly returns: readonly number[];
  /** The time between the old process's release of the port and the new one's listening, in ms. */
  readonly gapMs: number;
  /** How many clients left the old process, by the code of the failure. */
  readonly causes: Readonly<Record<string, number>>;
  /** The old process's exit code. */
  readonly exitCode: number | null;
}

/**
 * Replaces a relay by a new process on the same port while its clients transfer. The new process waits for the port,
 * and the old one is told to drain. Nothing may be lost, and the clients' returns must be spread as RESTARTING told
 * them.
 */
export async function runUpgrade(options: UpgradeRunOptions): Promise<UpgradeRunFigures> {
  const { channels, paceMs, messageBytes, spreadSeconds, identityFile } = options;
  const port = String(await freePort());
  const spread = ['--drain-spread', String(spreadSeconds), '--drain-deadline', String(spreadSeconds + 10)];
  const aside = ['--metrics-listen', String(await freePort())];
  const flags = [
    '--port',
    port,
    '--no-chat',
    '--identity',
    identityFile,
    '--max-pending-per-address',
    '1000',
    ...spread,
    ...aside,
  ];
  const old = await RelayProcess.start(flags);
  const relays = [old];
  const transfers: LiveTransfer[] = [];
  const returns: number[] = [];
  const causes: Record<string, number> = {};
  let told = Number.POSITIVE_INFINITY;
  /**
   * Returns a listener for one transfer. It records why each client left, and when it returned. Later failures before
   * the return do not count.
   */
  const watch = (): LiveTransferOptions['onState'] => {
    const left = new Set<string>();
    return (end, { state, failure }) => {
      if (Date.now() < told) return;
      if (state === 'registered') returns.push(Date.now() - told);
      else if (failure && !left.has(end)) {
        left.add(end);
        causes[failure.code] = (causes[failure.code] ?? 0) + 1;
      }
    };
  };
  try {
    const url = `ws://127.0.0.1:${port}/`;
    for (let i = 0; i < channels; i += 20) {
      const some = Array.from({ length: Math.min(20, channels - i) }, () =>
        LiveTransfer.start({ senderUrl: url, receiverUrl: url, paceMs, messageBytes, onState: watch() }),
      );
      transfers.push(...(await Promise.all(some)));
    }
    const next = RelayProcess.spawn([...flags, '--wait-for-port', '60']);
    relays.push(next);
    await next.logged('waiting for the port');
    told = Date.now();
    old.child.kill('SIGTERM');
    const exitCode = await old.exited;
    await next.listening();
    const end = Date.now() + 30_000;
    while (returns.length < 2 * channels && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    const results = await Promise.all(transfers.map((transfer) => transfer.finish(60_000)));
    const messages = results.reduce((sum, { sent }) => sum + sent, 0);
    const [letGo, taken] = [timeOf(old, 'the port is free'), timeOf(next, 'listening')];
    return {
      messages,
      complaints: complaintsOf(results),
      returns: [...returns],
      gapMs: taken - letGo,
      causes,
      exitCode,
    };
  } finally {
    await Promise.all(relays.map((relay) => relay.stop()));
  }
}

/** Counts times in buckets of `bucketMs`, to show how the returns were spread. */
export function histogram(times: readonly number[], bucketMs: number): number[] {
  const counts: number[] = [];
  for (const time of times) {
    const bucket = Math.floor(time / bucketMs);
    while (counts.length <= bucket) counts.push(0);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return counts;
}

function timeOf(relay: RelayProcess, message: string): number {
  return Number(relay.log.find(({ msg }) => msg === message)?.time ?? Number.NaN);
}
