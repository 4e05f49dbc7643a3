import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAILURES } from '../src/failures.js';

const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
const section = text.split('\n## Failures\n')[1]?.split('\n## ')[0] ?? '';
const documented = section
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const actual = Object.entries(FAILURES).map(([code, row]) => [
  `\`${code}\``,
  row.closeCode === null ? '–' : String(row.closeCode),
  row.fault,
  row.retry ? 'yes' : 'no',
  row.meaning,
]);

test('PROTOCOL.md shows every failure, as the code acts by it, and no other', () => {
  expect(documented).toEqual(actual);
});
