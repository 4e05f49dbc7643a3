// ssh, git push, redis and a file transfer at once under one identity, through a relay that is killed:
// `pnpm soak shared-identity 9 20` with kills and the seconds between them.
import { runSharedIdentity } from '../shared-identity-run.js';

const [kills, everySeconds] = [Number(process.argv[2] ?? 9), Number(process.argv[3] ?? 20)];
const figures = await runSharedIdentity({ kills, everyMs: everySeconds * 1_000, downMs: 500, fileBytes: 500_000_000 });
const { complaints, done, longestMs, seconds } = figures;
console.log(`${seconds.toFixed(0)} s, the relay killed ${kills} times`);
for (const who of ['ssh', 'git', 'redis'] as const)
  console.log(`  ${who}: ${done[who]} answers, the longest wait ${(longestMs[who] / 1_000).toFixed(1)} s`);
for (const complaint of complaints) console.log(`  WRONG: ${complaint}`);
process.exit(complaints.length === 0 ? 0 : 1);
