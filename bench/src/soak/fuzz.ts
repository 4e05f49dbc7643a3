// Every decoder and machine takes this many random and mutated inputs: `pnpm soak fuzz 350000 7`, from seed 7.
import { runTests } from '../run-tests.js';

const [runs = '350000', seed = '1'] = process.argv.slice(2);
process.exit(runTests('packages/protocol', 'test/fuzz', '', { SWS_RUNS: runs, SWS_SEED: seed }));
