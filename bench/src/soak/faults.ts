// Real faults between real processes: `pnpm soak faults 7` runs the scenarios from seed 7.
import { complaints, FAULTS, type Fault, type FaultScenario, runFaults } from '../fault-run.js';

const seed = Number(process.argv[2] ?? 1);
const CRASHES: readonly Fault[] = Array.from({ length: 10 }, () => 'crash');
const OTHERS = FAULTS.filter((fault) => fault !== 'crash');
const base = { seed, stallMs: 15_000, timeoutMs: 600_000 };
const scenarios: readonly FaultScenario[] = [
  {
    ...base,
    name: '2,000 small messages, ten crashes, cuts, stalls, muted ends and moves',
    workload: { seed, messages: 2_000, minBytes: 8, maxBytes: 1_000 },
    faults: [...CRASHES, ...OTHERS],
    sender: { paceMs: 2, highWaterBytes: 20_000 },
  },
  {
    ...base,
    name: 'one message of 15 MB, ten crashes',
    workload: { seed, messages: 1, minBytes: 15_000_000, maxBytes: 15_000_000 },
    faults: CRASHES,
    bytesPerSecond: 3_000_000,
  },
  {
    ...base,
    name: 'one message of 15 MB, cuts, stalls, muted ends and moves',
    workload: { seed, messages: 1, minBytes: 15_000_000, maxBytes: 15_000_000 },
    faults: OTHERS,
    bytesPerSecond: 3_000_000,
  },
  {
    ...base,
    name: '200 MB in messages, ten crashes, cuts, stalls, muted ends and moves',
    workload: { seed, messages: 4_000, minBytes: 20_000, maxBytes: 80_000 },
    faults: [...CRASHES, ...OTHERS],
  },
];

let failed = false;
for (const scenario of scenarios) {
  const figures = await runFaults(scenario);
  const wrong = complaints(scenario, figures);
  const { sent, interruptions, connections, totalMs, happened } = figures;
  console.log(
    `${scenario.name} (seed ${seed}): ${(totalMs / 1_000).toFixed(0)} s, ${sent.count} messages, ${sent.bytes} bytes`,
  );
  console.log(`  ${happened.map(({ fault }) => fault).join(', ')}`);
  console.log(
    `  interruptions told by sender ${interruptions.sender}, receiver ${interruptions.receiver}; connections made ${connections.sender} and ${connections.receiver}`,
  );
  console.log(
    wrong.length === 0 ? '  nothing lost, repeated or reordered; the digests agree' : `  WRONG: ${wrong.join('; ')}`,
  );
  failed ||= wrong.length > 0;
}
process.exit(failed ? 1 : 0);
