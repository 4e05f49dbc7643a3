// `pnpm soak floods [seconds [kind]]`: a relay under each flood, with two well-behaved clients beside it.
import { FLOODS, type FloodKind, flood } from '../flood.js';

const [seconds = '10', only] = process.argv.slice(2);
/** A flood may cost this much memory: queues of 8 MiB, unread notices of 1 MiB, frames under way. */
const MAX_GROWTH_BYTES = 200 * 1_048_576;
/** The allowed delay above five times the usual one. Other work on the machine adds to it: repeat a failed run. */
const MAX_HELD_UP_MS = 100;
const kinds = Object.keys(FLOODS) as FloodKind[];
let sound = true;
const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(0);
const ms = (value: number): string => value.toFixed(1);
console.log(
  '| flood | p50, p99 before | p50, p99 meanwhile, ms | relay CPU, % | RSS before, most, after, MiB | counted |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const kind of kinds) {
  if (only !== undefined && kind !== only) continue;
  const result = await flood(kind, Number(seconds));
  const { before, during, rssBeforeBytes, rssMostBytes, rssAfterBytes, cpuShare, counted } = result;
  console.log(
    `| ${kind} | ${ms(before.p50Ms)}, ${ms(before.p99Ms)} | ${ms(during.p50Ms)}, ${ms(during.p99Ms)} | ${(100 * cpuShare).toFixed(0)} | ` +
      `${mib(rssBeforeBytes)}, ${mib(rssMostBytes)}, ${mib(rssAfterBytes)} | ${JSON.stringify(counted)} |`,
  );
  const complaints: string[] = [];
  if (during.closed > 0) complaints.push('a well-behaved client lost its connection');
  if (during.received < 0.9 * during.sent) complaints.push(`of ${during.sent} messages ${during.received} came back`);
  if (during.p99Ms > 5 * before.p99Ms + MAX_HELD_UP_MS) complaints.push('the others were held up');
  if (rssMostBytes - rssBeforeBytes > MAX_GROWTH_BYTES) complaints.push('memory grew');
  for (const reason of FLOODS[kind]) if (counted[reason] === undefined) complaints.push(`${reason} was not counted`);
  for (const complaint of complaints) console.error(`  ${kind}: ${complaint}`);
  if (complaints.length > 0) sound = false;
}
process.exit(sound ? 0 : 1);
