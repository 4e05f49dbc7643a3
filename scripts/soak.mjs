// `pnpm soak`: the malicious relay, thousands of seeded runs. `pnpm soak 20000 7` runs that many from that seed on.
import { spawnSync } from 'node:child_process';

const [runs = '5000', seed = '1'] = process.argv.slice(2);
const env = { ...process.env, SWS_RUNS: runs, SWS_SEED: seed };
const args = ['run', 'test/channel/flow.test.ts', '-t', 'seeded runs', '--testTimeout', '3600000'];
process.exit(
  spawnSync('vitest', args, { stdio: 'inherit', env, cwd: 'packages/protocol', shell: process.platform === 'win32' })
    .status ?? 1,
);
