import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));

/** Writes a benchmark's results between its two marks in `docs/performance.md`. @throws Error if a mark is missing */
export function intoPerformancePage(name: string, markdown: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const begin = `<!-- bench ${name} -->`;
  const end = `<!-- end of bench ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for ${name}`);
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n${markdown}\n${page.slice(to)}`);
}
