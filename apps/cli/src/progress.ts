import cliProgress, { type MultiBar, type Options, type Params, type SingleBar } from 'cli-progress';
import prettyBytes from 'pretty-bytes';
import stringWidth from 'string-width';
import type { OfferedFile } from './file-protocol.js';
import { type Reporter, reporter, shown } from './report.js';

/** How often, in ms, bars are drawn, `--json` reports progress, and lines are printed without a terminal. */
const TICK_MS = { bars: 200, json: 1_000, lines: 10_000 } as const;
const NAME_COLUMNS = 28;
/** The width of a terminal that does not report it. */
const DEFAULT_COLUMNS = 80;

/** A file in transfer. */
export interface Moving {
  readonly name: string;
  /** In bytes; `null` if not known. */
  readonly size: number | null;
  /** Returns how many bytes are done, with those of earlier attempts. */
  readonly position: () => number;
  /** Whether it stands for all files of a batch together. */
  readonly isTotal?: boolean;
}

/**
 * Returns all files of a batch as one; `null` for fewer than two, or if a size is unknown. `position` returns the bytes
 * of all of them.
 */
export function totalOf(files: readonly Pick<OfferedFile, 'size' | 'kind'>[], position: () => number): Moving | null {
  const sizes = files.filter(({ kind }) => kind === undefined).map(({ size }) => size);
  const known = sizes.filter((size) => size !== null);
  if (sizes.length < 2 || known.length < sizes.length) return null;
  const size = known.reduce((sum, one) => sum + one, 0);
  return { name: `all ${sizes.length} files`, size, position, isTotal: true };
}

/** Rates are averages over this time. */
const RATE_MS = 5_000;

/** Measures a rate. */
class Meter {
  #samples: { readonly ms: number; readonly bytes: number }[] = [];

  /** Takes a position, and returns the bytes per second over the last seconds. */
  rate(bytes: number): number {
    const ms = performance.now();
    this.#samples.push({ ms, bytes });
    while (this.#samples.length > 2 && (this.#samples[0]?.ms ?? ms) < ms - RATE_MS) this.#samples.shift();
    const first = this.#samples[0];
    return first === undefined || first.ms === ms ? 0 : ((bytes - first.bytes) * 1_000) / (ms - first.ms);
  }
}

/**
 * Shows files in transfer: a bar each if standard error is a terminal, otherwise a line now and then; with `--json`,
 * `progress` events. Other reports must use `tell`, so that they do not run into the bars.
 */
export class Progress {
  readonly tell: Reporter;
  readonly #mode: keyof typeof TICK_MS;
  readonly #bars: MultiBar | null;
  readonly #moving = new Map<Moving, { readonly meter: Meter; readonly bar: SingleBar | null }>();
  readonly #timer: NodeJS.Timeout;

  constructor(json: NodeJS.WriteStream | null) {
    this.#mode = json !== null ? 'json' : process.stderr.isTTY ? 'bars' : 'lines';
    this.#bars =
      this.#mode === 'bars'
        ? new cliProgress.MultiBar({
            format: barLine,
            linewrap: true,
            stream: process.stderr,
            barsize: 20,
            barCompleteChar: '█',
            barIncompleteChar: '░',
            hideCursor: true,
            clearOnComplete: true,
            emptyOnZero: true,
            gracefulExit: false,
            fps: 1_000 / TICK_MS.bars,
          })
        : null;
    const plain = reporter(json);
    this.tell = (report, words) => {
      if (this.#bars?.isActive) this.#bars.log(`${shown(words)}\n`);
      else plain(report, words);
    };
    this.#timer = setInterval(() => this.#tick(), TICK_MS[this.#mode]).unref();
  }

  /** Shows a file until the returned function is called. */
  show(file: Moving): () => void {
    const bar = this.#bars?.create(file.size ?? 0, file.position(), this.#words(file, 0)) ?? null;
    const meter = new Meter();
    meter.rate(file.position());
    this.#moving.set(file, { meter, bar });
    return () => {
      this.#moving.delete(file);
      if (bar !== null) this.#bars?.remove(bar);
      if (this.#moving.size === 0) this.#bars?.stop();
    };
  }

  /** Removes the bars, and reports no more progress. */
  close(): void {
    clearInterval(this.#timer);
    this.#bars?.stop();
  }

  #tick(): void {
    for (const [file, { meter, bar }] of this.#moving) {
      const bytes = file.position();
      const rate = meter.rate(bytes);
      const words = this.#words(file, rate);
      if (bar !== null) bar.update(bytes, words);
      else
        this.tell(
          {
            event: file.isTotal === true ? 'total' : 'progress',
            name: file.name,
            bytes,
            size: file.size,
            bytesPerSecond: Math.round(rate),
          },
          `${file.name}: ${words.part} ${words.figures}`,
        );
    }
  }

  #words({ name, size, position }: Moving, rate: number): Words {
    const bytes = position();
    const left = size === null || rate <= 0 ? '' : `, ${duration((size - bytes) / rate)} left`;
    const amount = size === null ? prettyBytes(bytes) : `${prettyBytes(bytes)} of ${prettyBytes(size)}`;
    return {
      name: fit(name, NAME_COLUMNS),
      part: size === null ? '' : `${size === 0 ? 100 : Math.floor((bytes / size) * 100)}%`.padStart(4),
      figures: `${amount}, ${prettyBytes(Math.round(rate))}/s${left}`,
    };
  }
}

/** The texts about a file in transfer. */
interface Words {
  readonly name: string;
  readonly part: string;
  readonly figures: string;
}

/** Formats the line of one file. It never wraps, because the next line is drawn over it. */
function barLine(options: Options, { progress }: Params, { name, part, figures }: Words): string {
  const padded = name + ' '.repeat(NAME_COLUMNS - stringWidth(name));
  const line = `${padded} ${cliProgress.Format.BarFormat(progress, options)} ${part} ${figures}`;
  return fit(line, (process.stderr.columns ?? DEFAULT_COLUMNS) - 1);
}

/** Cuts a text to this many columns of a terminal. */
function fit(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let cut = '';
  let width = 1; // of the ellipsis
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += stringWidth(segment);
    if (width > columns) break;
    cut += segment;
  }
  return `${cut}…`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
