// The snippets of the READMEs are what people copy first: each runs as it stands, and prints what it should.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './checkout.js';
import { STAGES, type Stage } from './readme-stages.js';
import { HAS, patternOf, ReadmeWorld, runScript, scriptsOf } from './readme-world.js';
import { typeErrors } from './type-check.js';

const TEST_MS = 60_000;
/** "An example under 15 lines" at the top of each package's README. */
const EXAMPLE_LINES = 15;

const runs = Object.entries(STAGES).flatMap(([document, stages]) =>
  scriptsOf(document).map((snippet, index) => ({ document, snippet, index, stage: stages[index] })),
);

describe('the READMEs’ snippets', { timeout: TEST_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sws-readme-'));
  const scripts: string[] = [];
  let world: ReadmeWorld;
  beforeAll(async () => {
    symlinkSync(join(ROOT, 'docs/node_modules'), join(folder, 'node_modules'));
    world = await ReadmeWorld.start(folder);
  }, TEST_MS);
  afterAll(async () => {
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }, TEST_MS);

  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { document, snippet, index, stage } of runs) {
    const missing = stage?.needs !== undefined && !HAS[stage.needs];
    const title = `${document}, snippet ${index + 1}${stage?.needs ? ` (skipped where there is no ${stage.needs})` : ''}`;
    test.skipIf(missing)(title, async () => {
      if (stage === undefined) throw new Error(`${document}:${snippet.line} has no stage in readme-stages.ts`);
      const { before = '', after = '', prints }: Stage = stage;
      const name = `${document.replace(/\W/g, '-')}-${index}`;
      scripts.push(`${name}.js`);
      const script = world.here([before, snippet.text, after].join('\n'));
      const { output, status } = await runScript(folder, name, script);
      expect(output).toMatch(patternOf(prints.map((line) => world.here(line))));
      expect(status).toBe(0);
    });
  }

  test('the snippets pass the type checker', () => {
    expect(typeErrors(folder, scripts)).toBe('');
  });
});

test.each(Object.keys(STAGES))('%s has a stage for each snippet, and starts with a short one', (document) => {
  const snippets = scriptsOf(document);
  expect(snippets).toHaveLength(STAGES[document]?.length ?? 0);
  expect(snippets[0]?.text.split('\n').length).toBeLessThan(EXAMPLE_LINES);
});
