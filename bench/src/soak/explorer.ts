// The exhaustive search at larger bounds: `pnpm soak explorer 4000000` sees that many states of each scenario at the most.
import { runTests } from '../run-tests.js';

const [states = '4000000'] = process.argv.slice(2);
process.exit(
  runTests('packages/protocol', 'test/explorer/explorer.test.ts', 'every state', {
    SWS_EXPLORE_STATES: states,
    NODE_OPTIONS: '--max-old-space-size=9000',
  }),
);
