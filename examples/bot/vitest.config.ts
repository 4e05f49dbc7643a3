import { packageTests } from '../../vitest.shared.js';

export default packageTests('example-bot', { buildFirst: true });
