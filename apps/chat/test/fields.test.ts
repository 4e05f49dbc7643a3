import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const VIEWS = join(import.meta.dirname, '../src/views');

/** The opening tags of all fields in a view's source. */
function fields(source: string): string[] {
  return source.match(/<(?:input|textarea)\b[\s\S]*?\/>/g) ?? [];
}

test('no field’s text reaches the browser’s session files', () => {
  const all = readdirSync(VIEWS)
    .filter((name) => name.endsWith('.tsx'))
    .flatMap((name) => fields(readFileSync(join(VIEWS, name), 'utf8')));
  expect(all.length).toBeGreaterThan(5);
  expect(all.filter((field) => !/type="checkbox"|autocomplete="off"/.test(field))).toEqual([]);
});
