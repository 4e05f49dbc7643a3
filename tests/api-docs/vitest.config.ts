import { packageTests } from '../../vitest.shared.js';

// typedoc reads all packages in some 6 s, more on a busy machine.
export default packageTests('api-docs', { buildFirst: true, testTimeoutMs: 60_000 });
