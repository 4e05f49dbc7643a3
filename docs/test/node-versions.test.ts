// The Node that our packages ask for is enough for all that npm installs with them, and an older one is told in one line.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { minVersion, satisfies } from 'semver';
import { expect, test } from 'vitest';
import { ROOT } from './checkout.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Where Node finds `name` from `folder`. */
function resolve(name: string, folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const found = join(at, 'node_modules', name);
    if (existsSync(found)) return realpathSync(found);
    if (at === dirname(at)) throw new Error(`${name} is not installed below ${folder}`);
  }
}

/** A package and all that is installed with it. */
function closureOf(folder: string, seen = new Map<string, Manifest>()): ReadonlyMap<string, Manifest> {
  if (seen.has(folder)) return seen;
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  seen.set(folder, manifest);
  for (const name of Object.keys(manifest.dependencies ?? {})) closureOf(resolve(name, folder), seen);
  return seen;
}

const PUBLISHED = [
  ...['client', 'crypto', 'protocol', 'router', 'router-nats', 'server'].map((name) => `packages/${name}`),
  ...['cli', 'relay'].map((name) => `apps/${name}`),
];

test.each(PUBLISHED)('%s and its dependencies run on the oldest Node that it names', (folder) => {
  const closure = closureOf(join(ROOT, folder));
  const wanted = closure.get(join(ROOT, folder))?.engines?.node ?? '';
  expect(wanted).toBe('>=20.19');
  const oldest = minVersion(wanted) ?? '';
  const refusing = [...closure.values()].filter(({ engines }) => !satisfies(oldest, engines?.node ?? '*'));
  expect(refusing.map(({ name, version, engines }) => `${name}@${version} wants ${engines?.node}`)).toEqual([]);
});

const OLD_NODE = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });";

test.each([
  ['sws', ['apps/cli/dist/main.js', 'id']],
  ['sws-relay', ['apps/relay/dist/main.js']],
  ['pnpm start', ['scripts/build.mjs', '@sws/relay']],
  [
    '@sws/client',
    ['--input-type=module', '--eval', "import('@sws/client').catch(({ message }) => console.error(message))"],
  ],
])('%s says in one line which Node it needs', (_name, args) => {
  const { stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(OLD_NODE)}`, ...args],
    {
      cwd: args[0]?.startsWith('--') ? join(ROOT, 'docs') : ROOT,
      encoding: 'utf8',
    },
  );
  expect(stderr).toMatch(/^.*needs Node 20\.19 or newer; this is Node 18\.20\.8\n$/);
});
