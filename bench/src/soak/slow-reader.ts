// A reader reads 1 MB/s from a sender that sends all it can. One sender waits for `drain`, another does not:
// `pnpm soak slow-reader 70` for 70 seconds each.
import { runSlowReader } from '../slow-reader-run.js';

const MIB = 1_048_576;
const MAX_GROWTH_BYTES = 32 * MIB;
const seconds = Number(process.argv[2] ?? 70);
let failed = false;
for (const mindful of [true, false]) {
  const offeredBytes = 150_000_000;
  const figures = await runSlowReader({
    bytesPerSecond: 1_000_000,
    seconds,
    messageBytes: 16_384,
    mindful,
    offeredBytes,
  });
  const { readBytes, misplaced, memory } = figures;
  console.log(
    `${mindful ? 'a sender that waits for drain' : `a sender that queues ${offeredBytes} bytes at once`}: ${(readBytes / figures.seconds / 1e6).toFixed(2)} MB/s read for ${figures.seconds.toFixed(0)} s`,
  );
  if (misplaced > 0 || readBytes === 0) failed = true;
  for (const [who, { settledBytes, peakBytes, endBytes }] of Object.entries(memory ?? {})) {
    const grew = peakBytes - settledBytes;
    const own = who === 'sender' && !mindful;
    console.log(
      `  ${who}: ${Math.round(settledBytes / MIB)} MiB settled, ${Math.round(peakBytes / MIB)} MiB at most, ${Math.round(endBytes / MIB)} MiB at the end`,
    );
    if (!own && grew > MAX_GROWTH_BYTES) {
      failed = true;
      console.log(`  WRONG: ${who} grew by ${Math.round(grew / MIB)} MiB`);
    }
  }
}
process.exit(failed ? 1 : 0);
