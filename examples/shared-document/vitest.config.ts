import { packageTests } from '../../vitest.shared.js';

export default packageTests('example-shared-document', { buildFirst: true });
