import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { chart } from './chart.js';
import { intoPerformancePage } from './performance-page.js';

/** The minimum, median and maximum of some samples. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The ratio of two contestants' samples, computed for each turn. */
export interface Ratio extends Spread {
  readonly of: string;
  readonly to: string;
  readonly atMost: number | null;
}

export interface ComparisonOptions {
  /** Names the results file and the place in `docs/performance.md`. */
  readonly name: string;
  /** The script in `pnpm bench <script>`. @defaultValue `name` */
  readonly script?: string;
  readonly title: string;
  /** What a sample is, its unit first: `µs of relay CPU per message`. */
  readonly unit: string;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (index: number): number => sorted[Math.max(0, Math.min(sorted.length - 1, index))] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { min: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, max: at(sorted.length - 1) };
}

/** Three significant digits. */
export const figure = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : 'not measured';

const kebab = (text: string): string => text.replace(/[^a-z0-9]+/gi, '-').toLowerCase();

/**
 * Samples of several contestants in several rows (a message size, a number of connections), taken in turn. Writes
 * them as a table, a chart, and `bench/results/<name>.json`.
 */
export class Comparison {
  readonly options: ComparisonOptions;
  readonly #rows = new Map<string, Map<string, number[]>>();
  readonly #ratios: Ratio[] = [];
  readonly #notes: string[] = [];

  constructor(options: ComparisonOptions) {
    this.options = options;
  }

  /** Adds a sample. The samples of two cells are compared in the order in which they were added. */
  add(row: string, contestant: string, sample: number): void {
    const cells = this.#rows.get(row) ?? new Map<string, number[]>();
    this.#rows.set(row, cells);
    const samples = cells.get(contestant) ?? [];
    cells.set(contestant, samples);
    samples.push(sample);
  }

  samples(row: string, contestant: string): readonly number[] {
    return this.#rows.get(row)?.get(contestant) ?? [];
  }

  /** Adds the ratio of two cells (`[row, contestant]`). `atMost` is its target; `null` for none. */
  ratio(of: readonly [string, string], to: readonly [string, string], atMost: number | null = null): Ratio {
    const below = this.samples(...to);
    const ratios = this.samples(...of).map((sample, turn) => sample / (below[turn] ?? Number.NaN));
    const ratio = { of: of.join(': '), to: to.join(': '), atMost, ...spreadOf(ratios) };
    this.#ratios.push(ratio);
    return ratio;
  }

  /** Adds the difference of two cells, in the unit of the samples. The arguments are those of `ratio`. */
  difference(of: readonly [string, string], to: readonly [string, string], atMost: number | null = null): Ratio {
    const below = this.samples(...to);
    const differences = this.samples(...of).map((sample, turn) => sample - (below[turn] ?? Number.NaN));
    const ratio = { of: `${of.join(': ')}, more than`, to: to.join(': '), atMost, ...spreadOf(differences) };
    this.#ratios.push(ratio);
    return ratio;
  }

  /** Adds a paragraph below the table. */
  note(text: string): void {
    this.#notes.push(text);
  }

  markdown(): string {
    const columns = [...new Set([...this.#rows.values()].flatMap((cells) => [...cells.keys()]))];
    const cell = (samples: readonly number[] | undefined): string => {
      if (samples === undefined) return '';
      const { min, median, max } = spreadOf(samples);
      return samples.length === 1 ? figure(median) : `**${figure(median)}** (${figure(min)}–${figure(max)})`;
    };
    const lines = [
      `${this.options.unit}: median (least–most of ${this.#turns()} turns)`,
      '',
      `| | ${columns.join(' | ')} |`,
      `| --- |${' ---: |'.repeat(columns.length)}`,
      ...[...this.#rows].map(
        ([row, cells]) => `| ${row} | ${columns.map((column) => cell(cells.get(column))).join(' | ')} |`,
      ),
    ];
    if (this.#ratios.length > 0)
      lines.push(
        '',
        '| of | to | median | least–most | at most | |',
        '| --- | --- | ---: | --- | ---: | --- |',
        ...this.#ratios.map(
          ({ of, to, min, median, max, atMost }) =>
            `| ${of} | ${to} | ${figure(median)} | ${figure(min)}–${figure(max)} | ${atMost ?? ''} | ${verdict(median, atMost)} |`,
        ),
      );
    for (const note of this.#notes) lines.push('', note);
    return lines.join('\n');
  }

  /** Prints the tables. With `record`, writes the tables, the samples and the chart to files. */
  finish(record: boolean): void {
    console.log(`\n${this.markdown()}\n`);
    if (!record) return;
    const { name, script = name, title, unit } = this.options;
    const { stdout: commit } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
    const run = {
      runtime: `Node ${process.version}`,
      cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}`,
      commit: commit.trim(),
    };
    const rows = [...this.#rows].map(([row, cells]) => ({
      row,
      contestants: [...cells].map(([contestant, samples]) => ({ contestant, samples, ...spreadOf(samples) })),
    }));
    const results = { name, title, unit, ...run, rows, ratios: this.#ratios, notes: this.#notes };
    write(`../../bench/results/${name}.json`, `${JSON.stringify(results, null, 2)}\n`);
    const image = `performance/${kebab(name)}.svg`;
    const medians = rows.map(({ row, contestants }) => ({
      row,
      bars: contestants.map(({ contestant, median, min, max }) => ({ label: contestant, median, min, max })),
    }));
    write(`../../docs/${image}`, chart(title, unit, medians));
    const told = `${run.runtime}, ${run.cpu}, commit ${run.commit}; \`npx -y pnpm bench ${script}\``;
    intoPerformancePage(name, `${this.markdown()}\n\n![${title}](${image})\n\n${told}`);
  }

  #turns(): number {
    return Math.max(0, ...[...this.#rows.values()].flatMap((cells) => [...cells.values()].map(({ length }) => length)));
  }
}

function verdict(median: number, atMost: number | null): string {
  if (atMost === null) return '';
  return median <= atMost ? 'met' : 'not met';
}

function write(relative: string, text: string): void {
  const url = new URL(relative, import.meta.url);
  mkdirSync(new URL('.', url), { recursive: true });
  writeFileSync(fileURLToPath(url), text);
}
