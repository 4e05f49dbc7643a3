import { createHash, type Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { MODE_BITS, type OfferedFile } from './file-protocol.js';
import { hashBytes } from './incoming-file.js';

/** What is read of a file at a time: 16 of the messages that a line makes of it. */
const READ_BYTES = 983_040;
/** Stands for standard input among the files. */
export const STANDARD_INPUT = '-';
/** A file that takes no room on a disk and says it is not larger than this is read to see: /proc and /sys say 0, or a page. */
const MAX_CLAIMED_BYTES = 65_536;

/** Times from here on do not fit into every file system. */
const MAX_TIME_MS = 2 ** 32 * 1_000;

export interface OpenOptions {
  /** What the receiver is to call it. @defaultValue its own name */
  readonly name?: string | undefined;
  readonly folders?: readonly string[];
  /** Whether permissions and times are told. @defaultValue true */
  readonly preserve?: boolean;
}

/** A file to send: one on disk, which can be begun again, or standard input, which can't. */
export class OutgoingFile implements OfferedFile {
  readonly name: string;
  readonly size: number | null;
  readonly folders: readonly string[];
  readonly kind?: 'folder' | 'link';
  readonly target?: string;
  readonly mode?: number;
  readonly modifiedMs?: number;
  readonly #path: string | null;
  /** Open while it is being sent: whatever happens to its name, these are its bytes. */
  #handle: FileHandle | null = null;
  /** When it was last modified, as it was begun, in nanoseconds. */
  #modifiedNs = 0n;
  /** What has become of it so far. */
  fate: 'pending' | 'stored' | 'refused' | 'unreadable' = 'pending';
  /** Standard input has been read from: it can't be sent from its beginning again. */
  #consumed = false;

  private constructor(path: string | null, { name, size, folders = [], kind, target, mode, modifiedMs }: OfferedFile) {
    this.name = name;
    this.size = size;
    this.folders = folders;
    if (kind !== undefined) this.kind = kind;
    if (target !== undefined) this.target = target;
    if (mode !== undefined) this.mode = mode;
    if (modifiedMs !== undefined) this.modifiedMs = modifiedMs;
    this.#path = path;
  }

  /** A folder or link of a tree, which has no bytes. */
  static withoutBytes(offered: OfferedFile & { readonly kind: 'folder' | 'link' }): OutgoingFile {
    return new OutgoingFile(null, offered);
  }

  /** @throws Error where it is no file that can be read */
  static async open(path: string, { name, folders = [], preserve = true }: OpenOptions = {}): Promise<OutgoingFile> {
    if (path === STANDARD_INPUT) return new OutgoingFile(null, { name: name ?? 'stdin', size: null });
    const found = await stat(path);
    const called = name ?? basename(resolve(path));
    if (!found.isFile()) throw new Error(`${path} is not a regular file: use sws send - < ${path}`);
    const handle = await open(path);
    try {
      const claims = found.blocks === 0 && found.size <= MAX_CLAIMED_BYTES;
      const honest = !claims || (await countBytes(handle, found.size + 1)) === found.size;
      const keeps = preserve ? keptOf(found) : {};
      return new OutgoingFile(path, { name: called, size: honest ? found.size : null, folders, ...keeps });
    } finally {
      await handle.close();
    }
  }

  /** Whether it can be sent now, from its beginning. */
  get canBegin(): boolean {
    return !this.#consumed;
  }

  /**
   * Begins to send to a receiver that has so many bytes of this digest: behind them if they are this file's first, else from 0.
   * The hash has taken what is before the offset. Call `close` in the end.
   * @throws Error where it can't be read, or is not as large as was offered
   */
  async begin(bytes: number, sha256: string): Promise<{ readonly offset: number; readonly hash: Hash }> {
    if (this.#path === null) return { offset: 0, hash: createHash('sha256') };
    this.#handle = await open(this.#path);
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    this.#modifiedNs = mtimeNs;
    if (this.size !== null && size !== BigInt(this.size)) throw new Error('it has changed since it was offered');
    if (bytes > 0 && this.size !== null && bytes <= this.size) {
      const hash = createHash('sha256');
      const count = await hashBytes(this.#stream(this.#handle, 0, bytes), hash);
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
    if (this.#handle === null || offset === this.size) return Readable.from([]);
    return this.#stream(this.#handle, offset, this.size ?? Number.POSITIVE_INFINITY);
  }

  /** Checks that the file is still what it was when it was begun. @throws Error where it is not, or can't be checked */
  async checkUnchanged(): Promise<void> {
    // What says nothing true of its size says nothing true of its time either.
    if (this.#handle === null || this.size === null) return;
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    if (size !== BigInt(this.size) || mtimeNs !== this.#modifiedNs) throw new Error('it changed while it was sent');
  }

  /** Lets go of the file, until it is begun again. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  #stream(handle: FileHandle, start: number, end: number): Readable {
    return handle.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES, autoClose: false });
  }
}

/** The permissions and the time of a file, where both are such as an offer may tell. */
export function keptOf({ mode, mtimeMs }: Stats): Pick<OfferedFile, 'mode' | 'modifiedMs'> {
  return { mode: mode & MODE_BITS, ...(mtimeMs >= 0 && mtimeMs < MAX_TIME_MS && { modifiedMs: mtimeMs }) };
}

/** How many bytes a file has, if not more than `limit`. */
async function countBytes(handle: FileHandle, limit: number): Promise<number> {
  const buffer = Buffer.alloc(limit);
  let count = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, count, limit - count, count);
    count += bytesRead;
    if (bytesRead === 0 || count === limit) return count;
  }
}
