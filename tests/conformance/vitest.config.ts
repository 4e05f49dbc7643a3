import { packageTests } from '../../vitest.shared.js';

export default packageTests('conformance', { buildFirst: true });
