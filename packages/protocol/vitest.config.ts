import type { ViteUserConfig } from 'vitest/config';
import { packageTests } from '../../vitest.shared.js';
import { mutation } from './test/mutants.js';

const mutant = process.env.SWS_MUTANT;

const config: ViteUserConfig = {
  ...packageTests('protocol', { isolate: false, testTimeoutMs: 120_000 }),
  plugins: mutant === undefined ? [] : [mutation(mutant)],
};
export default config;
