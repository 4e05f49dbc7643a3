import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MUTANTS as SEEDED } from './explorer/mutants.js';
import { SCENARIOS } from './explorer/scenarios.js';

// The models run in `pnpm prove`, which takes minutes; here only their form is held.

interface Claim {
  readonly name: string;
  readonly tool: keyof typeof VERDICTS;
  readonly files: readonly string[];
  readonly change?: readonly (readonly [string, string])[];
  readonly mutant?: boolean;
  readonly verdicts: readonly string[];
}

const VERDICTS = { proverif: ['true', 'false'], verifpal: ['holds', 'attack'] } as const;
const GOOD = { proverif: 'true', verifpal: 'holds' } as const;

const folder = new URL('../proofs/', import.meta.url);
const claims: readonly Claim[] = JSON.parse(readFileSync(new URL('claims.json', folder), 'utf8'));
const { modelOf }: { modelOf(claim: Claim): string } = await import(new URL('prove.mjs', folder).href);

/** The text without comments. */
function bare(model: string): string {
  return model.replaceAll(/\(\*[\s\S]*?\*\)|\/\/.*$/gm, '');
}

function queriesOf({ tool }: Claim, model: string): number {
  if (tool === 'proverif') return bare(model).match(/\bquery\b/g)?.length ?? 0;
  return bare(model).match(/^\t\w+\? /gm)?.length ?? 0;
}

test('every model is used by a claim', () => {
  const used = new Set(claims.flatMap(({ files }) => files));
  const models = ['proverif', 'verifpal'].flatMap((tool) =>
    readdirSync(new URL(`${tool}/`, folder)).map((name) => `${tool}/${name}`),
  );
  expect([...used].sort()).toEqual(models.sort());
});

test.each(claims)('$tool, $name: one verdict for each query', (claim) => {
  expect(claim.verdicts).toHaveLength(queriesOf(claim, modelOf(claim)));
  for (const verdict of claim.verdicts) expect(VERDICTS[claim.tool]).toContain(verdict);
});

describe('a mutant', () => {
  const mutants = claims.filter(({ mutant }) => mutant === true);

  test('leaves out K, se, a label, or the host', () => {
    for (const part of ['K left out', 'se left out', 'label', 'host left out'])
      expect(mutants.some(({ name }) => name.includes(part))).toBe(true);
  });

  test.each(mutants)('$tool, $name: breaks what the complete model has', (mutant) => {
    // The claim about the same model that is changed least, beside the mutant's own change.
    const sound = claims.filter(
      ({ tool, files, mutant: broken }) =>
        broken !== true && tool === mutant.tool && files.join() === mutant.files.join(),
    );
    const good = GOOD[mutant.tool];
    const broken = sound.some(({ verdicts }) =>
      verdicts.some((verdict, index) => verdict === good && mutant.verdicts[index] !== good),
    );
    expect(broken).toBe(true);
  });
});

test('SECURITY.md has the counts of claims, scenarios and defects', () => {
  const text = readFileSync(new URL('../../../SECURITY.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ');
  const mutants = claims.filter(({ mutant }) => mutant === true);
  expect(text).toContain(`There are ${claims.length} claims, ${mutants.length} of them about mutants`);
  expect(text).toContain(`in ${Object.keys(SCENARIOS).length} scenarios`);
  expect(text).toContain(`each of ${SEEDED.length} defects`);
});

test('the page names every claim', () => {
  const page = readFileSync(new URL('README.md', folder), 'utf8');
  for (const { name } of claims) expect(page).toContain(name);
});
