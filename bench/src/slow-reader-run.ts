import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from '@sws/testing/child';
import { Transfer } from '@sws/testing/transfer';
import { RelayChild } from './relay-child.js';

/** A reader that reads more slowly than the sender sends. */
export interface SlowReaderScenario {
  /** The rate of the reader. */
  readonly bytesPerSecond: number;
  readonly seconds: number;
  readonly messageBytes: number;
  /** Whether the sender waits for `drain`. Otherwise it queues all of `offeredBytes` at once. */
  readonly mindful: boolean;
  /** How much the sender sends. */
  readonly offeredBytes: number;
}

/** One process's resident memory: once the flow has settled, at its peak after that, and at the end. */
export interface MemoryFigures {
  readonly settledBytes: number;
  readonly peakBytes: number;
  readonly endBytes: number;
}

export interface SlowReaderFigures {
  readonly readBytes: number;
  readonly misplaced: number;
  readonly seconds: number;
  /** `null` without `/proc`. */
  readonly memory: Readonly<Record<'sender' | 'relay' | 'receiver', MemoryFigures>> | null;
}

const SAMPLE_MS = 200;
/** The part of the time in which code is compiled, and windows and queues fill. */
const SETTLING_PART = 0.25;

/** Runs the flow, and reads the memory of the three processes meanwhile. */
export async function runSlowReader(scenario: SlowReaderScenario): Promise<SlowReaderFigures> {
  const { bytesPerSecond, seconds, messageBytes, mindful, offeredBytes } = scenario;
  const relay = await RelayChild.start();
  let transfer: Transfer | null = null;
  try {
    transfer = await Transfer.start({
      senderUrl: relay.url(),
      receiverUrl: relay.url(),
      workload: {
        seed: 1,
        messages: Math.ceil(offeredBytes / messageBytes),
        minBytes: messageBytes,
        maxBytes: messageBytes,
      },
      ...(mindful ? {} : { sender: { highWaterBytes: null } }),
      receiver: { readBytesPerSecond: bytesPerSecond },
    });
    await transfer.sender.report(({ event }) => event === 'open', 30_000);
    const started = performance.now();
    const { sender, receiver } = transfer;
    const children = { sender, relay: relay.child, receiver };
    const samples: Record<keyof typeof children, number>[] = [];
    for (let now = started; now < started + seconds * 1_000; now = performance.now()) {
      await delay(SAMPLE_MS);
      const rss = (child: Child): number => child.usage()?.rssBytes ?? 0;
      samples.push({ sender: rss(sender), relay: rss(relay.child), receiver: rss(receiver) });
    }
    const read = receiver.reports.findLast(({ event }) => event === 'read');
    const settled = samples.slice(Math.floor(samples.length * SETTLING_PART));
    const figures = (who: keyof typeof children): MemoryFigures => ({
      settledBytes: settled[0]?.[who] ?? 0,
      peakBytes: Math.max(...settled.map((sample) => sample[who])),
      endBytes: settled.at(-1)?.[who] ?? 0,
    });
    return {
      readBytes: Number(read?.bytes ?? 0),
      misplaced: Number(read?.misplaced ?? 0),
      seconds: (performance.now() - started) / 1_000,
      memory:
        sender.usage() === null
          ? null
          : { sender: figures('sender'), relay: figures('relay'), receiver: figures('receiver') },
    };
  } finally {
    await transfer?.kill();
    await relay.stop();
  }
}
