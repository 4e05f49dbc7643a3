// `sws send` of 1 GB, while the relay is killed six times and each end once: `pnpm soak files 1000 6` with MB and kills
// of the relay.
import { type FileScenario, fileComplaints, runFile } from '../file-run.js';

const MIB = 1_048_576;
/** The limit of a process's resident memory. It holds windows and queues, not the file. */
const MAX_RSS_BYTES = 256 * MIB;

const [megabytes, relayKills] = [Number(process.argv[2] ?? 1_000), Number(process.argv[3] ?? 6)];
const base = { bytes: megabytes * 1_000_000, relayDownMs: 500, bytesPerSecond: 256 * MIB, timeoutMs: 1_200_000 };
const relays = Array.from({ length: relayKills }, () => 'relay' as const);
const scenarios: readonly FileScenario[] = [
  { ...base, kills: relays },
  { ...base, kills: ['relay', 'sender', 'receiver', 'sender', 'receiver', 'relay'] },
];
let failed = false;
for (const scenario of scenarios) {
  const figures = await runFile(scenario);
  const { seconds, killed, offsets, digests, peakRssBytes } = figures;
  const MB = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  console.log(
    `${MB(scenario.bytes)} in ${seconds.toFixed(0)} s (${(scenario.bytes / 1e6 / seconds).toFixed(1)} MB/s), SHA-256 ${digests.disk}`,
  );
  console.log(`  killed: ${killed.map(({ who, atBytes }) => `${who} at ${MB(atBytes)}`).join(', ')}`);
  console.log(`  attempts began at ${offsets.map(MB).join(', ')}`);
  const wrong = [...fileComplaints(scenario, figures)];
  for (const [who, bytes] of Object.entries(peakRssBytes ?? {})) {
    console.log(`  ${who}: ${Math.round(bytes / MIB)} MiB resident at most`);
    if (bytes > MAX_RSS_BYTES) wrong.push(`${who} had ${Math.round(bytes / MIB)} MiB resident`);
  }
  for (const complaint of wrong) console.log(`  WRONG: ${complaint}`);
  failed ||= wrong.length > 0;
}
process.exit(failed ? 1 : 0);
