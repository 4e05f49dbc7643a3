// Every seeded defect of the protocol's machines must be found by the malicious relay or the liveness tests.
import { runTests } from '../run-tests.js';

const [name = ''] = process.argv.slice(2);
process.exit(runTests('packages/protocol', 'test/mutants.test.ts', name, { SWS_MUTANTS: name }));
