import { packageTests } from '../../vitest.shared.js';

export default packageTests('e2e', { buildFirst: true });
