import { packageTests } from '../../vitest.shared.js';

export default packageTests('example-device-rpc', { buildFirst: true });
