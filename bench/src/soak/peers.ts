// Malicious peers, thousands of seeded runs in virtual time: `pnpm soak peers 20000 7` runs that many from seed 7.
import { runTests } from '../run-tests.js';

const [runs = '20000', seed = '1'] = process.argv.slice(2);
process.exit(
  runTests('packages/protocol', 'test/simulator/malicious-peer.deep.test.ts', '', { SWS_RUNS: runs, SWS_SEED: seed }),
);
