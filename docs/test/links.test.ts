// A link that leads nowhere, or a claim about somebody else without its source, is worse than none.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './checkout.js';

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/README.md',
  'docs/tutorial.md',
  'docs/packages.md',
  'docs/comparison.md',
  'docs/operate.md',
  'docs/performance.md',
  'packages/client/README.md',
  'packages/crypto/README.md',
  'packages/protocol/README.md',
  'packages/router/README.md',
  'packages/router-nats/README.md',
  'packages/server/README.md',
  'apps/chat/README.md',
  'examples/README.md',
  'examples/bot/README.md',
  'examples/device-rpc/README.md',
  'examples/shared-document/README.md',
  'apps/cli/README.md',
  'apps/relay/README.md',
];
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

test.each(DOCUMENTS)('every link within the project in %s leads somewhere', (name) => {
  for (const [, target = ''] of read(name).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? name : join(dirname(name), path);
    expect(existsSync(join(ROOT, file)), target).toBe(true);
    if (anchor === undefined) continue;
    const document = file.endsWith('.md') ? file : join(file, 'README.md');
    expect(anchorsOf(read(document)), target).toContain(anchor);
  }
});

test('each source of the comparison has an address and a quotation, and is used; each number has a source', () => {
  const [table = '', list = ''] = read('docs/comparison.md').split('\n## Sources\n');
  const sources = [...list.matchAll(/^\| (\d+) \| (.+?) \| (.+) \|$/gm)];
  for (const [, number, document = '', quotation = ''] of sources) {
    expect(/\]\(https:\/\/|^as \d|^the same$/.test(document), number).toBe(true);
    expect(/"[^"]+"/.test(quotation), number).toBe(true);
  }
  const used = new Set([...table.matchAll(/\[(\d+)\](?!\()/g)].map(([, number]) => Number(number)));
  const numbers = sources.map(([, number]) => Number(number));
  expect([...used].sort((a, b) => a - b)).toEqual(numbers);
  expect(numbers.length).toBeGreaterThan(30);
});
