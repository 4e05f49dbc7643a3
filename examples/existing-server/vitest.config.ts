import { packageTests } from '../../vitest.shared.js';

export default packageTests('example-existing-server', { buildFirst: true });
