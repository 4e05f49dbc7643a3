import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vectorFiles } from '../../scripts/make-vectors/vector-files.js';
import { readText } from './read-vectors.js';

const made = vectorFiles();

test('the checked-in vectors are the ones that the script makes, and no others', () => {
  expect(readdirSync(new URL('../../vectors/', import.meta.url)).sort()).toEqual(Object.keys(made).sort());
});

test.each(Object.keys(made))('%s is what the script makes: pnpm vectors writes it anew', (name) => {
  expect(readText(name)).toBe(made[name]);
});
