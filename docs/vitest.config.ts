import { defineConfig } from 'vitest/config';
import { shared } from '../vitest.shared.js';

// One file at a time: the tutorial starts the relay as its reader does, which looks at what is built.
export default defineConfig({ test: { ...shared('docs'), fileParallelism: false } });
