import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * How often files are checked. A changed file is read once it has not changed for as long, so that it is not
 * half-written.
 */
const LOOK_EVERY_MS = 1_000;

export interface WatchedFileOptions<T> {
  readonly path: string;
  /** Rejects with an Error that says what is wrong with the content. */
  readonly parse: (content: string) => Promise<T>;
  readonly onChange: (value: T) => void;
  /** Called with the error of a content that cannot be used. The last valid content stays in use. */
  readonly onError: (error: Error) => void;
  /** @defaultValue 1,000 */
  readonly lookEveryMs?: number;
}

/**
 * A file's parsed content, kept up to date when the file is replaced (by an editor, a rename, or a swapped symlink as
 * in Kubernetes), and on `reload`.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  /** Resolves once the file was read for the last time: one reading at a time, so that the newest wins. */
  #reading: Promise<void> = Promise.resolve();
  #settling: ReturnType<typeof setTimeout> | null = null;

  private constructor(options: WatchedFileOptions<T>, value: T) {
    this.#options = options;
    this.#value = value;
    const { path, lookEveryMs = LOOK_EVERY_MS } = options;
    watchFile(path, { interval: lookEveryMs, persistent: false }, this.#changed);
  }

  /** @throws Error if the file cannot be read or used the first time */
  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    return new WatchedFile(options, await options.parse(await readFile(options.path, 'utf8')));
  }

  get value(): T {
    return this.#value;
  }

  /** Reads the file now. It never rejects. */
  reload(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    try {
      this.#value = await this.#options.parse(await readFile(this.#options.path, 'utf8'));
      this.#options.onChange(this.#value);
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  close(): void {
    unwatchFile(this.#options.path, this.#changed);
    if (this.#settling !== null) clearTimeout(this.#settling);
  }

  readonly #changed = (now: Stats, before: Stats): void => {
    if (now.mtimeMs === before.mtimeMs && now.ino === before.ino && now.size === before.size) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.reload(), this.#options.lookEveryMs ?? LOOK_EVERY_MS);
    this.#settling.unref();
  };
}
