import { defineConfig } from 'vitest/config';
import { shared } from '../../vitest.shared.js';
import { mutation } from './test/mutants.js';

const mutant = process.env.SWS_MUTANT;

export default defineConfig({
  test: shared('protocol'),
  plugins: mutant === undefined ? [] : [mutation(mutant)],
});
