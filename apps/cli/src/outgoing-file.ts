import { createHash, type Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { MODE_BITS, type OfferedFile } from './file-protocol.js';
import { hashBytes } from './incoming-file.js';

/** How much of a file is read at a time: 16 messages of a line. */
const READ_BYTES = 983_040;
/** Stands for standard input among the files. */
export const STANDARD_INPUT = '-';
/**
 * A file without disk blocks that claims at most this size is read to learn its size: /proc and /sys claim 0, or a
 * page.
 */
const MAX_CLAIMED_BYTES = 65_536;

/** Later times do not fit into every file system. */
const MAX_TIME_MS = 2 ** 32 * 1_000;

export interface OpenOptions {
  /** The name for the receiver. @defaultValue the file's own name */
  readonly name?: string | undefined;
  readonly folders?: readonly string[];
  /** Whether to send permissions and times. @defaultValue true */
  readonly preserve?: boolean;
}

/** A file to send: one on disk, which can be sent again, or standard input, which cannot. */
export class OutgoingFile implements OfferedFile {
  readonly name: string;
  readonly size: number | null;
  readonly folders: readonly string[];
  readonly kind?: 'folder' | 'link';
  readonly target?: string;
  readonly mode?: number;
  readonly modifiedMs?: number;
  readonly #path: string | null;
  /** The handle while the file is being sent. It keeps the same file if the name changes. */
  #handle: FileHandle | null = null;
  /** The time of the last modification when the sending began, in nanoseconds. */
  #modifiedNs = 0n;
  /** The state of the file. */
  fate: 'pending' | 'stored' | 'refused' | 'unreadable' = 'pending';
  /** Whether standard input was read, so that it cannot be sent from its beginning again. */
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

  /** Returns a folder or link of a tree, which has no bytes. */
  static withoutBytes(offered: OfferedFile & { readonly kind: 'folder' | 'link' }): OutgoingFile {
    return new OutgoingFile(null, offered);
  }

  /** @throws Error if it is not a readable file */
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

  /** Whether the file can be sent from its beginning now. */
  get canBegin(): boolean {
    return !this.#consumed;
  }

  /**
   * Begins to send to a receiver that has `bytes` bytes with this digest. It begins after them if they are this file's
   * first bytes, otherwise at 0. The returned hash includes the bytes before the offset. Call `close` in the end.
   * @throws Error if the file cannot be read, or its size is not the offered one
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

  /** Returns the bytes from an offset. If the file has grown, it ends at the offered size. */
  read(offset: number): Readable {
    if (this.#path === null) {
      this.#consumed = true;
      return process.stdin;
    }
    if (this.#handle === null || offset === this.size) return Readable.from([]);
    return this.#stream(this.#handle, offset, this.size ?? Number.POSITIVE_INFINITY);
  }

  /** Checks that the file has not changed since the sending began. @throws Error if it has, or cannot be checked */
  async checkUnchanged(): Promise<void> {
    // A file that reports no true size reports no true time either.
    if (this.#handle === null || this.size === null) return;
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    if (size !== BigInt(this.size) || mtimeNs !== this.#modifiedNs) throw new Error('it changed while it was sent');
  }

  /** Closes the file until it is sent again. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  #stream(handle: FileHandle, start: number, end: number): Readable {
    return handle.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES, autoClose: false });
  }
}

/** Returns the permissions of a file, and its time if an offer can contain it. */
export function keptOf({ mode, mtimeMs }: Stats): Pick<OfferedFile, 'mode' | 'modifiedMs'> {
  return { mode: mode & MODE_BITS, ...(mtimeMs >= 0 && mtimeMs < MAX_TIME_MS && { modifiedMs: mtimeMs }) };
}

/** Counts the bytes of a file, up to `limit`. */
async function countBytes(handle: FileHandle, limit: number): Promise<number> {
  const buffer = Buffer.alloc(limit);
  let count = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, count, limit - count, count);
    count += bytesRead;
    if (bytesRead === 0 || count === limit) return count;
  }
}
