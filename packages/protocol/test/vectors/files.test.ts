import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vectorFiles } from '../../scripts/make-vectors/vector-files.js';
import { readText } from './read-vectors.js';

const made = vectorFiles();

test('the checked-in vectors are exactly those that the script makes', () => {
  expect(readdirSync(new URL('../../vectors/', import.meta.url)).sort()).toEqual(Object.keys(made).sort());
});

test.each(Object.keys(made))('%s is what the script makes (pnpm vectors)', (name) => {
  expect(readText(name)).toBe(made[name]);
});
