import { packageTests } from '../../vitest.shared.js';

// Most tests start several processes: on a busy machine that takes long, and nothing here is about time.
export default packageTests('cli', { buildFirst: true, testTimeoutMs: 60_000 });
