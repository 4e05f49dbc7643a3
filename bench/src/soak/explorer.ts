// The exhaustive search at larger bounds: `pnpm soak explorer 4000000 'rekey and cut'` visits at most that many states
// of each scenario whose name has these words. A state takes 28 to 40 bytes. With 100000000 every search completes.
import { runTests } from '../run-tests.js';

const [states = '4000000', scenario = ''] = process.argv.slice(2);
process.exit(
  runTests('packages/protocol', 'test/explorer/explorer.deep.test.ts', `every state.*${scenario}`, {
    SWS_EXPLORE_STATES: states,
    NODE_OPTIONS: '--max-old-space-size=9000',
  }),
);
