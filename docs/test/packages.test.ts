import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROOT } from './checkout.js';

const guide = readFileSync(`${ROOT}docs/packages.md`, 'utf8');
const ROW = /^\| `(@sws\/[\w-]+)` \| .+ \| (.+) \|$/gm;
const told = new Map([...guide.matchAll(ROW)].map(([, name, imports]) => [name, imports]));

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(`${ROOT}${folder}/package.json`, 'utf8'));
}

const published = readdirSync(`${ROOT}packages`)
  .map((name) => `packages/${name}`)
  .filter((folder) => existsSync(`${ROOT}${folder}/package.json`));

test.each([...published, 'apps/chat', 'apps/relay', 'apps/cli'])('%s imports what the guide says', (folder) => {
  const { name, dependencies, devDependencies } = manifestOf(folder);
  // The chat is bundled: what it imports is needed to build it alone.
  const needed = folder === 'apps/chat' ? devDependencies : dependencies;
  const imports = Object.keys(needed ?? {})
    .filter((other) => other.startsWith('@sws/'))
    .sort()
    .map((other) => `\`${other}\``);
  expect(told.get(name)).toBe(imports.join(', ') || 'nothing of ours');
});

test('no package imports an app', () => {
  const apps = readdirSync(`${ROOT}apps`)
    .filter((name) => existsSync(`${ROOT}apps/${name}/package.json`))
    .map((name) => manifestOf(`apps/${name}`).name);
  for (const folder of published)
    expect(Object.keys(manifestOf(folder).dependencies ?? {}).filter((name) => apps.includes(name))).toEqual([]);
});

test('no document uses a package name on npm that is not ours', () => {
  const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  expect(documents.length).toBeGreaterThan(10);
  const lines = documents.flatMap((name) => readFileSync(`${ROOT}${name}`, 'utf8').split('\n'));
  expect(
    lines.filter((line) => /npx (-\S+ )*sws/.test(line) && !line.includes('not be ours') && !line.includes('not ours')),
  ).toEqual([]);
});

test('the guide names every package and no other', () => {
  const there = [...published, 'apps/chat', 'apps/relay', 'apps/cli'].map((folder) => manifestOf(folder).name);
  expect([...told.keys()].sort()).toEqual(there.sort());
});
