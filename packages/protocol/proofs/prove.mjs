// `pnpm prove`: runs the models of this folder with what is installed, and holds each to the verdicts in claims.json.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A claim that takes longer than this has no verdict. */
const TIMEOUT_MS = 600_000;

const TOOLS = {
  proverif: {
    suffix: 'pv',
    /** Where a person gets it. */
    from: 'ProVerif 2.04 or later, from opam (`opam install proverif`)',
    args: (file) => [file],
    /** One word for each query, in the order of the model. */
    verdicts: (output) =>
      [...output.matchAll(/^Query .* (is true|is false|cannot be proved)/gm)].map(
        ([, word]) => ({ 'is true': 'true', 'is false': 'false' })[word] ?? 'unproved',
      ),
  },
  verifpal: {
    suffix: 'vp',
    from: 'Verifpal 1.6.7, from crates.io: `cargo +nightly install verifpal --version 1.6.7 --ignore-rust-version --config profile.release.lto=false`',
    args: (file, { sessions }) => ['verify', '--result-code', '--sessions', String(sessions), file],
    verdicts: (output) =>
      [...(/^(?:[a-z]\d)+$/m.exec(output)?.[0] ?? '').matchAll(/[a-z](\d)/g)].map(([, digit]) =>
        digit === '0' ? 'holds' : 'attack',
      ),
  },
};

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** The text of a claim's model: its files in order, each change made once. */
export function modelOf({ name, files, change = [] }) {
  let model = files.map(read).join('\n');
  for (const [find, replace] of change) {
    if (model.split(find).length !== 2)
      throw new Error(`${name}: "${find}" does not stand once in ${files.join(', ')}`);
    model = model.replace(find, () => replace);
  }
  return model;
}

function isInstalled(command) {
  return spawnSync(command, ['--help'], { stdio: 'ignore' }).error === undefined;
}

function prove(claims) {
  const folder = mkdtempSync(join(tmpdir(), 'sws-prove-'));
  const totals = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const [command, tool] of Object.entries(TOOLS)) {
      const own = claims.filter((claim) => claim.tool === command);
      if (!isInstalled(command)) {
        console.log(`${command} is not installed: ${own.length} claims skipped. It comes as ${tool.from}.`);
        totals.skipped += own.length;
        continue;
      }
      for (const claim of own) {
        const file = join(folder, `model.${tool.suffix}`);
        writeFileSync(file, modelOf(claim));
        const startedAt = performance.now();
        const { stdout, stderr } = spawnSync(command, tool.args(file, claim), {
          encoding: 'utf8',
          maxBuffer: 2 ** 28,
          timeout: TIMEOUT_MS,
        });
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        const verdicts = tool.verdicts(stdout);
        const holds = verdicts.join() === claim.verdicts.join();
        totals[holds ? 'passed' : 'failed']++;
        console.log(`${holds ? 'ok' : 'FAILED'}  ${command}, ${claim.name} (${seconds} s): ${claim.says}`);
        if (holds) continue;
        console.log(`  expected ${claim.verdicts.join(', ')}\n  got      ${verdicts.join(', ') || 'no verdict'}`);
        if (verdicts.length !== claim.verdicts.length) console.log(`${stdout}\n${stderr}`.trim().slice(-2_000));
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals;
}

if (import.meta.filename === process.argv[1]) {
  const only = process.argv[2] ?? '';
  const claims = JSON.parse(read('claims.json')).filter(({ tool, name }) => `${tool}, ${name}`.includes(only));
  const { passed, failed } = prove(claims);
  // To have proved nothing is no success.
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
