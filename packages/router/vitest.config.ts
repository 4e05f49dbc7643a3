import { packageTests } from '../../vitest.shared.js';

export default packageTests('router', { isolate: false });
