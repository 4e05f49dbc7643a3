import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { CHUNK_BYTES, type OfferedFile } from './file-protocol.js';
import { hashFile } from './incoming-file.js';

/** Stands for standard input among the files. */
export const STANDARD_INPUT = '-';

/** A file to send: one on disk, which can be begun again, or standard input, which can't. */
export class OutgoingFile implements OfferedFile {
  readonly name: string;
  readonly size: number | null;
  readonly #path: string | null;
  readonly #modifiedMs: number;
  /** What has become of it so far. */
  fate: 'pending' | 'stored' | 'refused' | 'unreadable' = 'pending';
  /** Standard input has been read from: it can't be sent from its beginning again. */
  #consumed = false;

  private constructor(name: string, path: string | null, size: number | null, modifiedMs: number) {
    this.name = name;
    this.size = size;
    this.#path = path;
    this.#modifiedMs = modifiedMs;
  }

  /** @throws Error where it is no file that can be read */
  static async open(path: string, name?: string): Promise<OutgoingFile> {
    if (path === STANDARD_INPUT) return new OutgoingFile(name ?? 'stdin', null, null, 0);
    const found = await stat(path);
    const called = name ?? basename(resolve(path));
    if (found.isDirectory())
      throw new Error(
        `${path} is a folder: tar c ${path} | sws send - --name ${called}.tar <address> sends it as one file`,
      );
    if (!found.isFile()) throw new Error(`${path} is not a file: sws send - < ${path} sends what it gives`);
    await access(path, constants.R_OK);
    return new OutgoingFile(called, path, found.size, found.mtimeMs);
  }

  /** Whether it can be sent now, from its beginning. */
  get canBegin(): boolean {
    return !this.#consumed;
  }

  /**
   * Begins to send to a receiver that has so many bytes of this digest: behind them if they are this file's first, else from 0.
   * The hash has taken what is before the offset.
   */
  async begin(bytes: number, sha256: string): Promise<{ readonly offset: number; readonly hash: Hash }> {
    if (this.#path !== null && bytes > 0 && this.size !== null && bytes <= this.size) {
      const hash = createHash('sha256');
      const count = await hashFile(this.#path, hash, bytes);
      if (count === bytes && hash.copy().digest('hex') === sha256) return { offset: bytes, hash };
    }
    return { offset: 0, hash: createHash('sha256') };
  }

  /** The bytes from an offset. Not more than was offered, where the file has grown. */
  read(offset: number): Readable {
    if (this.#path === null) {
      this.#consumed = true;
      return process.stdin;
    }
    if (this.size === null || offset >= this.size) return Readable.from([]);
    return createReadStream(this.#path, { start: offset, end: this.size - 1, highWaterMark: CHUNK_BYTES });
  }

  /** Whether the file is another than it was when it was offered. */
  async hasChanged(): Promise<boolean> {
    if (this.#path === null) return false;
    const now = await stat(this.#path);
    return now.size !== this.size || now.mtimeMs !== this.#modifiedMs;
  }
}
