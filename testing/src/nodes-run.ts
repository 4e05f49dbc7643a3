import { Balancer } from './balancer.js';
import { complaintsOf, LiveTransfer, type TransfersOptions } from './live-transfer.js';
import { NatsServer } from './nats-server.js';
import { RelayProcess } from './relay-process.js';

const NODES = 3;
/** A channel that transfers nothing for this long is stuck. */
const RECOVERY_MS = 60_000;

export interface NodesRunOptions extends TransfersOptions {
  /** Whether to freeze NATS for 3 s too. */
  readonly standstill: boolean;
}

/** How long channels took from the fault until a message sent after it arrived, in ms. */
export interface Recovery {
  readonly fault: string;
  readonly medianMs: number;
  readonly slowestMs: number;
}

export interface NodesRunFigures {
  readonly messages: number;
  readonly recoveries: readonly Recovery[];
  /** What was lost, repeated, reordered or closed; empty if all is well. */
  readonly complaints: readonly string[];
  /** The NATS metrics of the last node that are not 0. */
  readonly natsMetrics: readonly string[];
}

/**
 * Runs three relay processes on one NATS behind a balancer, with channels between clients on different nodes. It kills
 * a node, restarts NATS, and drains a node. Every message must arrive once and in order.
 */
export async function runNodes(options: NodesRunOptions): Promise<NodesRunFigures> {
  const { channels, identityFile, paceMs, messageBytes } = options;
  const nats = await NatsServer.start();
  const balancer = await Balancer.start();
  const flags = ['--port', '0', '--no-chat', '--identity', identityFile, '--nats', nats.url];
  const limits = ['--max-pending-per-address', '1000', '--drain-spread', '1'];
  const startNode = async (): Promise<RelayProcess> => {
    const node = await RelayProcess.start([...flags, ...limits]);
    balancer.add(node.port);
    return node;
  };
  const nodes: RelayProcess[] = [];
  const transfers: LiveTransfer[] = [];
  const recoveries: Recovery[] = [];
  const node = (i: number): RelayProcess => {
    const found = nodes[i];
    if (found === undefined) throw new Error('no such node');
    return found;
  };
  const leave = async (i: number, signal: NodeJS.Signals): Promise<void> => {
    const leaving = node(i);
    balancer.remove(leaving.port);
    await leaving.stop(signal);
  };
  const recover = async (fault: string, inflict: () => Promise<unknown>): Promise<void> => {
    const started = Date.now();
    const inflicted = inflict();
    recoveries.push(await recovery(fault, transfers, started, inflicted));
    await inflicted;
  };
  try {
    for (let i = 0; i < NODES; i++) nodes.push(await startNode());
    const urls = [balancer.url, balancer.url];
    for (let i = 0; i < channels; i += 20) {
      const some = Array.from({ length: Math.min(20, channels - i) }, () =>
        LiveTransfer.start({ senderUrl: urls[0] ?? '', receiverUrl: urls[1] ?? '', paceMs, messageBytes }),
      );
      transfers.push(...(await Promise.all(some)));
    }
    await recover('a node is killed (SIGKILL)', () => leave(0, 'SIGKILL'));
    nodes[0] = await startNode();
    await recover('NATS is killed and started again', async () => {
      await nats.stop('SIGKILL');
      await nats.start();
    });
    await recover('a node is drained (SIGTERM)', () => leave(1, 'SIGTERM'));
    nodes[1] = await startNode();
    if (options.standstill)
      await recover('NATS stands still for 3 s', async () => {
        nats.signal('SIGSTOP');
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        nats.signal('SIGCONT');
      });
    const natsMetrics = await metricsOf(node(2));
    const results = await Promise.all(transfers.map((transfer) => transfer.finish(RECOVERY_MS)));
    const messages = results.reduce((sum, { sent }) => sum + sent, 0);
    return { messages, recoveries, complaints: complaintsOf(results), natsMetrics };
  } finally {
    await Promise.all(nodes.map((each) => each.stop('SIGKILL')));
    balancer.close();
    await nats.stop('SIGKILL');
  }
}

/** Waits until each channel has carried a message that was sent after the fault. */
async function recovery(
  fault: string,
  transfers: readonly LiveTransfer[],
  started: number,
  inflicted: Promise<unknown>,
): Promise<Recovery> {
  await inflicted;
  const marks = transfers.map(({ sent }) => sent);
  const times: (number | null)[] = transfers.map(() => null);
  const end = Date.now() + RECOVERY_MS;
  while (times.includes(null) && Date.now() < end) {
    transfers.forEach(({ received }, i) => {
      if (times[i] === null && received > (marks[i] ?? 0)) times[i] = Date.now() - started;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const sorted = times.map((time) => time ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  return { fault, medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0, slowestMs: sorted.at(-1) ?? 0 };
}

async function metricsOf(node: RelayProcess): Promise<string[]> {
  const text = await (await fetch(`${node.url}metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('sws_nats_') && !line.endsWith(' 0'));
}
