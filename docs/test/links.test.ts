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
  'docs/releasing.md',
  'testing/README.md',
  'bench/README.md',
  'tests/conformance/README.md',
  'tests/interop/README.md',
  'tests/runtimes/README.md',
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
  'examples/existing-server/README.md',
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

/** What npm shows as a package's page: a link that is relative leads nowhere there. */
const PAGES = DOCUMENTS.filter((name) => /^(packages|apps)\//.test(name));
const OURS = /^https:\/\/github\.com\/sws-project\/sws\/(?:blob|tree)\/main\/(.+)$/;

test.each(PAGES)('%s has absolute links only, and does not end with how to work on it', (name) => {
  const text = read(name);
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  expect(links.filter((target) => !/^(https:|#)/.test(target ?? ''))).toEqual([]);
  expect(text.trimEnd().split('\n').slice(-3).join('\n')).not.toMatch(/pnpm --filter/);
  const { keywords, homepage, bugs } = JSON.parse(read(join(dirname(name), 'package.json')));
  expect(keywords.length).toBeGreaterThan(2);
  expect(homepage).toBe(`https://github.com/sws-project/sws/tree/main/${dirname(name)}#readme`);
  expect(bugs.url).toBe('https://github.com/sws-project/sws/issues');
});

test.each(DOCUMENTS)('every link within the project in %s resolves', (name) => {
  for (const [, target = ''] of read(name).matchAll(/\]\(([^)\s]+)\)/g)) {
    const own = OURS.exec(target)?.[1];
    if (own === undefined && /^https?:/.test(target)) continue;
    const [path = '', anchor] = (own ?? target).split('#');
    const folder = own === undefined ? dirname(name) : '.';
    const file = path === '' ? name : join(folder, path);
    expect(existsSync(join(ROOT, file)), target).toBe(true);
    if (anchor === undefined) continue;
    const document = file.endsWith('.md') ? file : join(file, 'README.md');
    expect(anchorsOf(read(document)), target).toContain(anchor);
  }
});

test('each source of the comparison has an address, a quotation and a use; each number has a source', () => {
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
