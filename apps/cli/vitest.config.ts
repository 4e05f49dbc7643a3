import { defineConfig } from 'vitest/config';
import { shared } from '../../vitest.shared.js';

// Most tests start several processes: on a busy machine that takes long, and nothing here is about time.
export default defineConfig({ test: { ...shared('cli'), testTimeout: 60_000 } });
