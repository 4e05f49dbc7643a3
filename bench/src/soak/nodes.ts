// Three nodes on NATS and everything that happens to them: `pnpm soak nodes 200` with 200 channels.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasNatsServer } from '@sws/testing/nats-server';
import { runNodes } from '@sws/testing/nodes-run';

const channels = Number(process.argv[2] ?? 200);
if (!hasNatsServer) {
  console.log('skipped: nats-server is not installed');
  process.exit(0);
}
const identityFile = join(mkdtempSync(join(tmpdir(), 'sws-nodes-')), 'identity');
const started = Date.now();
const figures = await runNodes({ channels, paceMs: 1_000, messageBytes: 2_000, standstill: true, identityFile });
const { messages, recoveries, complaints, natsMetrics } = figures;
console.log(
  `${channels} channels, ${messages} messages of 2,000 bytes, ${Math.round((Date.now() - started) / 1000)} s`,
);
for (const { fault, medianMs, slowestMs } of recoveries)
  console.log(`  ${fault}: half of the channels carried on after ${medianMs} ms, all after ${slowestMs} ms`);
for (const line of natsMetrics) console.log(`  ${line}`);
console.log(complaints.length === 0 ? '  nothing lost, repeated or reordered' : `  WRONG: ${complaints.join('; ')}`);
process.exit(complaints.length === 0 ? 0 : 1);
