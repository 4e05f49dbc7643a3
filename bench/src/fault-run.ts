import { setTimeout as delay } from 'node:timers/promises';
import { FaultyProxy } from '@sws/testing/faulty-proxy';
import { seeded } from '@sws/testing/seeded';
import { type SenderOptions, Transfer, type TransferResult } from '@sws/testing/transfer';
import type { Workload } from '@sws/testing/workload';
import { RelayChild } from './relay-child.js';

/**
 * The faults. `crash` kills the relay with SIGKILL and starts it again. The others concern one end's connection
 * (`mute`: what the end sends is lost, while it still receives).
 */
export const FAULTS = [
  'crash',
  'cut-sender',
  'cut-receiver',
  'stall-sender',
  'stall-receiver',
  'mute-sender',
  'mute-receiver',
  'move-sender',
  'move-receiver',
] as const;
export type Fault = (typeof FAULTS)[number];

/** A transfer between two processes, and its faults. */
export interface FaultScenario {
  readonly name: string;
  readonly workload: Workload;
  /** In any order; the seed spreads them over the transfer. */
  readonly faults: readonly Fault[];
  readonly seed: number;
  readonly stallMs: number;
  readonly sender?: Partial<SenderOptions>;
  /** Limits the sender's connection, so that the transfer lasts until the last fault. @defaultValue no limit */
  readonly bytesPerSecond?: number;
  /** The time limit of the whole scenario, in ms. */
  readonly timeoutMs: number;
}

/** The result of a scenario. */
export interface FaultFigures extends TransferResult {
  /** The faults in order, each with the acknowledged bytes before it. */
  readonly happened: readonly { readonly fault: Fault; readonly afterBytes: number }[];
  /** How many connections each end made. */
  readonly connections: { readonly sender: number; readonly receiver: number };
  readonly totalMs: number;
}

const MAX_DOWN_MS = 500;
const MAX_PAUSE_MS = 150;
const IN_FLIGHT_MS = 50;

/** Runs a scenario with two clients, two proxies, and a relay process with two nodes. Rejects if one fails or hangs. */
export async function runFaults(scenario: FaultScenario): Promise<FaultFigures> {
  const { workload, seed, stallMs, timeoutMs } = scenario;
  const random = seeded(seed);
  const started = performance.now();
  const relay = await RelayChild.start({ ports: [0, 0] });
  const [here = 0, there = 0] = relay.ports;
  const proxies = { sender: await FaultyProxy.start(here), receiver: await FaultyProxy.start(here) };
  proxies.sender.bytesPerSecond = scenario.bytesPerSecond ?? Number.POSITIVE_INFINITY;
  const totalBytes = ((workload.minBytes + workload.maxBytes) / 2) * workload.messages;
  const plan = planOf(scenario.faults, totalBytes * 0.9, random);
  let transfer: Transfer | null = null;
  try {
    transfer = await Transfer.start({
      senderUrl: proxies.sender.url,
      receiverUrl: proxies.receiver.url,
      workload,
      sender: { reportEveryBytes: Math.ceil(totalBytes / 200), ...scenario.sender },
    });
    for (const { fault, afterBytes } of plan) {
      // Once more bytes are acknowledged than before, both ends are connected again: a new fault interrupts them anew.
      await transfer.acknowledged(Math.max(afterBytes, transfer.acknowledgedBytes + 1), timeoutMs);
      await delay(random() * MAX_PAUSE_MS);
      const [what = '', end] = fault.split('-');
      const proxy = end === 'receiver' ? proxies.receiver : proxies.sender;
      if (what === 'crash') await relay.crash(random() * MAX_DOWN_MS);
      else if (what === 'cut') proxy.cut();
      else if (what === 'move') proxy.move(proxy.target === here ? there : here);
      else {
        proxy.stall(what === 'mute' ? 'up' : 'both');
        await delay(stallMs);
        proxy.flow();
      }
      // Bytes that were already in flight do not count as progress.
      await delay(IN_FLIGHT_MS);
    }
    const result = await transfer.result(timeoutMs);
    await transfer.finished();
    const { sender, receiver } = proxies;
    return {
      ...result,
      happened: plan,
      connections: { sender: sender.connections, receiver: receiver.connections },
      totalMs: Math.round(performance.now() - started),
    };
  } finally {
    await transfer?.kill();
    await Promise.all([relay.stop(), proxies.sender.close(), proxies.receiver.close()]);
  }
}

/** What is wrong with the figures. Empty if nothing was lost, repeated or reordered, and both ends reported faults. */
export function complaints({ faults, workload }: FaultScenario, figures: FaultFigures): readonly string[] {
  const { sent, received, interruptions, resumptions, errors } = figures;
  const wrong: string[] = [];
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) wrong.push(complaint);
  };
  expect(received.count === workload.messages, `${received.count} of ${workload.messages} messages arrived`);
  expect(received.misplaced === 0, `${received.misplaced} messages out of place`);
  expect(received.digest === sent.digest, 'the digests differ');
  expect(received.bytes === sent.bytes, `${received.bytes} of ${sent.bytes} bytes arrived`);
  expect(received.wasClean && received.code === 1_000, `closed with ${received.code}, clean: ${received.wasClean}`);
  expect(errors.length === 0, `errors: ${JSON.stringify(errors)}`);
  for (const end of ['sender', 'receiver'] as const) {
    const broken = faults.filter((fault) => fault === 'crash' || fault === `cut-${end}` || fault === `move-${end}`);
    expect(interruptions[end] >= broken.length, `${end}: ${interruptions[end]} of ${broken.length} interruptions told`);
    expect(
      resumptions[end] === interruptions[end],
      `${end}: ${interruptions[end]} interrupted, ${resumptions[end]} resumed`,
    );
  }
  return wrong;
}

/** Shuffles the faults and spreads them over the transfer: one at a random place in each of equal parts. */
function planOf(faults: readonly Fault[], bytes: number, random: () => number): FaultFigures['happened'] {
  const shuffled = [...faults];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [shuffled[i], shuffled[j]];
    if (a !== undefined && b !== undefined) [shuffled[i], shuffled[j]] = [b, a];
  }
  const part = bytes / shuffled.length;
  return shuffled.map((fault, index) => ({ fault, afterBytes: Math.floor(part * (index + 0.1 + 0.5 * random())) }));
}
