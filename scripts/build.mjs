// `node scripts/build.mjs [package…]` builds these packages and all that they depend on, or everything. `turbo` builds what
// has changed. It installs first: `pnpm --filter <package>` in a fresh clone installs for that package alone, which pnpm
// does not notice at the root.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @returns what went wrong, or null */
export function build(packages) {
  // turbo needs pnpm in PATH: it is not there where only node was started.
  const pnpm = spawnSync('pnpm', ['--version']).status === 0 ? ['pnpm'] : ['npx', '-y', 'pnpm'];
  const filters = packages.map((name) => `--filter=${name}...`);
  for (const args of [
    ['install', '--loglevel=error'],
    ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...filters],
  ]) {
    const [command, ...rest] = [...pnpm, ...args];
    const { status, stdout, stderr } = spawnSync(command, rest, {
      cwd: ROOT,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    if (status !== 0) return `${args.join(' ')} failed:\n${stdout}${stderr}`;
  }
  return null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`SWS needs Node 20.19 or newer; this is Node ${process.versions.node}`);
    process.exit(1);
  }
  const failure = build(process.argv.slice(2));
  if (failure !== null) console.error(failure);
  else if (process.argv.length === 2) console.log('Everything is built.');
  process.exit(failure === null ? 0 : 1);
}
