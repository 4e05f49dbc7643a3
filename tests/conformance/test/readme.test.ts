import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { STATEMENTS } from '../src/conformance/index.js';

const readme = readFileSync(new URL('../../../packages/client/README.md', import.meta.url), 'utf8');

function installed(name: string): string {
  const { version } = JSON.parse(
    readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  );
  return version;
}

test('the client’s README has the tested versions and the number of statements', () => {
  const rows = [...readme.matchAll(/^\| `([^`]+)` \| (\d+\.\d+\.\d+) \|/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(10);
  for (const [, name = '', version] of rows) expect(version, name).toBe(installed(name));
  expect(readme).toContain(`(${STATEMENTS.length} statements`);
});
