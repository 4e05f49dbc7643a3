// `pnpm check:packages`: publint and attw on every package, as it would be published.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

let sound = true;
for (const name of readdirSync('packages')) {
  if (!existsSync(`packages/${name}/package.json`)) continue;
  for (const args of [
    ['publint', `packages/${name}`, '--strict'],
    ['attw', '--pack', `packages/${name}`, '--profile', 'esm-only'],
  ]) {
    if (spawnSync(args[0], args.slice(1), { stdio: 'inherit' }).status !== 0) sound = false;
  }
}
process.exit(sound ? 0 : 1);
