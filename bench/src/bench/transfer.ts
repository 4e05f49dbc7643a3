// One process sends to another through a relay process. Prints what arrives, and the CPU and memory of all three.

import { Transfer } from '@sws/testing/transfer';
import type { Workload } from '@sws/testing/workload';
import { RelayChild } from '../relay-child.js';

const MIB = 1_048_576;
const workloads: Readonly<Record<string, Workload>> = {
  '100 MB in messages of 16 KiB': { seed: 1, messages: 6_400, minBytes: 16_384, maxBytes: 16_384 },
  '50,000 messages of 100 B': { seed: 2, messages: 50_000, minBytes: 100, maxBytes: 100 },
};
const relay = await RelayChild.start();
for (const [name, workload] of Object.entries(workloads)) {
  const before = relay.child.usage();
  const transfer = await Transfer.start({ senderUrl: relay.url(), receiverUrl: relay.url(), workload });
  const children = { sender: transfer.sender, relay: relay.child, receiver: transfer.receiver };
  await transfer.sender.report(({ event }) => event === 'delivered', 300_000);
  const usage = Object.entries(children).map(([who, child]) => [who, child.usage()] as const);
  const { sent, received } = await transfer.result(60_000);
  if (received.digest !== sent.digest || received.misplaced !== 0)
    throw new Error(`${name}: what arrived is not what was sent`);
  const seconds = sent.elapsedMs / 1_000;
  console.log(
    `${name}: ${(sent.bytes / MIB / seconds).toFixed(1)} MiB/s, ${Math.round(sent.count / seconds)} messages/s`,
  );
  for (const [who, used] of usage) {
    if (used === null) continue;
    const cpuMs = used.cpuMs - (who === 'relay' ? (before?.cpuMs ?? 0) : 0);
    console.log(`  ${who}: ${cpuMs} ms CPU, peak RSS ${Math.round(used.peakRssBytes / MIB)} MiB`);
  }
  await transfer.finished();
}
await relay.stop();
