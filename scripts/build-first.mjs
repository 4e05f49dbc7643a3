// Vitest's global setup of packages whose tests start built programs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';

export default function buildFirst({ config }) {
  // `pnpm test` has built everything.
  if (process.env.SWS_BUILT !== undefined) return;
  const { name } = JSON.parse(readFileSync(join(config.root, 'package.json'), 'utf8'));
  const failure = build([name]);
  if (failure === null) return;
  // Thrown, it would stand below a "No test files found" of vitest's.
  console.error(failure);
  process.exit(1);
}
