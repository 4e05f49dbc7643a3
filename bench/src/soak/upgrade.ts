// A relay is replaced by a new process under load: `pnpm soak upgrade 150 5` with 150 channels, spread over 5 s.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { histogram, runUpgrade } from '@sws/testing/upgrade-run';

const [channels, spreadSeconds] = [Number(process.argv[2] ?? 150), Number(process.argv[3] ?? 5)];
const identityFile = join(mkdtempSync(join(tmpdir(), 'sws-upgrade-')), 'identity');
const figures = await runUpgrade({ channels, spreadSeconds, paceMs: 1_000, messageBytes: 2_000, identityFile });
const { messages, complaints, returns, gapMs, causes, exitCode } = figures;
console.log(
  `${channels} channels, ${2 * channels} clients, ${messages} messages of 2,000 bytes, spread ${spreadSeconds} s`,
);
console.log(
  `  the port was nobody's for ${gapMs} ms; clients left with ${JSON.stringify(causes)}; exit code ${exitCode}`,
);
console.log('  registered again, by half seconds after SIGTERM:');
histogram(returns, 500).forEach((count, i) => {
  console.log(`  ${(i / 2).toFixed(1)} s ${'#'.repeat(Math.ceil(count / 2))} ${count}`);
});
console.log(complaints.length === 0 ? '  nothing lost, repeated or reordered' : `  WRONG: ${complaints.join('; ')}`);
process.exit(complaints.length === 0 ? 0 : 1);
