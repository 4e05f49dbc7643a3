import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('every file that ARCHITECTURE.md names exists', () => {
  const text = readFileSync(`${ROOT}ARCHITECTURE.md`, 'utf8');
  const paths = [...text.matchAll(/`((?:packages|apps|tests|docs|testing)\/[^`\s]+)`/g)].map(([, path]) => path ?? '');
  expect(paths.length).toBeGreaterThan(30);
  expect(paths.filter((path) => !existsSync(ROOT + path))).toEqual([]);
});
