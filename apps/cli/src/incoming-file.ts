import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { numberedName, partName } from './file-name.js';
import type { OfferedFile } from './file-protocol.js';
import { preserve } from './placed.js';

/** Errors after which a part is removed: it cannot grow, and the next files need its space. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** The errors of a file system without hard links. */
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
/** The most bytes of one write. A write costs a turn of a thread, for any size. */
const WRITE_BYTES = 262_144;
/** The highest number in a name. After that, files of this name are refused. */
const MAX_NUMBER = 9_999;

/** The destination of a file. */
export interface Destination {
  readonly folder: string;
  /** A safe name. */
  readonly name: string;
  /** The sender's address. */
  readonly peer: string;
  /** Whether to replace a file of this name. */
  readonly force: boolean;
  /** The permissions and the time to give it. */
  readonly keeps: Pick<OfferedFile, 'mode' | 'modifiedMs'>;
}

/**
 * A file that is being received. It grows as a part beside its destination, and gets its name once it is complete and
 * checked.
 */
export class IncomingFile {
  readonly #to: Destination;
  /** In bytes; infinite if unknown. */
  readonly #size: number;
  readonly #part: string;
  /** The SHA-256 of the bytes that are here. */
  #hash: Hash;
  #bytes: number;
  /** The path of a complete file with the bytes that are here; `null` if there is only a part. */
  #whole: string | null;
  #handle: FileHandle | null = null;
  /** Bytes that wait to be written to the part. The buffer is created with the first of them. */
  #unwritten = Buffer.alloc(0);
  #unwrittenBytes = 0;

  private constructor(
    to: Destination,
    size: number | null,
    part: string,
    hash: Hash,
    bytes: number,
    whole: string | null,
  ) {
    this.#to = to;
    this.#size = size ?? Number.POSITIVE_INFINITY;
    this.#part = part;
    this.#hash = hash;
    this.#bytes = bytes;
    this.#whole = whole;
  }

  /**
   * Finds what is here of a file: the part of an earlier attempt, or all of it if this process stored it before, at the
   * path `stored`.
   * @throws Error if the part cannot be read or is not a file, or if `force` would replace a folder
   */
  static async find(to: Destination, size: number | null, stored: string | undefined): Promise<IncomingFile> {
    if (to.force) await refuseFolder(join(to.folder, to.name));
    const part = join(to.folder, partName(to.name, to.peer));
    const hash = createHash('sha256');
    if (stored !== undefined && (await sizeOf(stored)) === size)
      return new IncomingFile(to, size, part, hash, await hashBytes(read(stored), hash), stored);
    const present = await lstat(part).catch(absent);
    if (present !== null && !present.isFile()) throw new Error('its .part is not a regular file');
    const bytes = present === null ? 0 : await hashBytes(read(part), hash);
    return new IncomingFile(to, size, part, hash, bytes, null);
  }

  /** The number of bytes that are here. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Their SHA-256, in hex. */
  get digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /**
   * Continues after the bytes that are here, or starts again from 0. @throws Error if the part has changed meanwhile
   */
  async begin(offset: number): Promise<void> {
    if (offset !== this.#bytes) {
      this.#hash = createHash('sha256');
      this.#bytes = 0;
      this.#whole = null;
    }
    if (this.#whole !== null) return;
    this.#handle = await open(this.#part, this.#bytes === 0 ? 'w' : 'a');
    // The digest is that of the part when it was read.
    if ((await this.#handle.stat()).size !== this.#bytes) throw new Error('another process is writing its .part');
  }

  /** Appends bytes, and copies them. @throws Error if they, or earlier ones, cannot be written */
  async append(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    if (this.#handle === null) return;
    if (this.#unwritten.length === 0)
      this.#unwritten = Buffer.allocUnsafeSlow(Math.max(1, Math.min(this.#size, WRITE_BYTES)));
    for (let rest = chunk; rest.length > 0; ) {
      const part = rest.subarray(0, this.#unwritten.length - this.#unwrittenBytes);
      this.#unwritten.set(part, this.#unwrittenBytes);
      this.#unwrittenBytes += part.length;
      rest = rest.subarray(part.length);
      if (this.#unwrittenBytes === this.#unwritten.length) await this.#write((handle) => this.#writeOut(handle));
    }
  }

  /**
   * Checks size and digest, syncs the file to the disk, and gives it its name. Resolves with its path.
   * @throws Error if it differs, or cannot be stored
   */
  async finish(size: number, sha256: string): Promise<string> {
    const intact = this.#bytes === size && this.digest === sha256;
    if (intact && this.#whole !== null) return this.#whole;
    if (intact)
      await this.#write(async (handle) => {
        await this.#writeOut(handle);
        await handle.sync();
      });
    await this.#handle?.close();
    this.#handle = null;
    if (intact) {
      const path = await this.#giveName();
      await preserve(path, this.#to.keeps);
      return path;
    }
    // Resuming would not repair it.
    await rm(this.#part, { force: true });
    throw new Error('it did not arrive as it was sent: the digest differs');
  }

  /** Stops. The part stays, to resume from. */
  async leave(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    if (handle === null) return;
    try {
      await this.#writeOut(handle);
    } finally {
      await handle.close();
    }
    if (this.#bytes === 0) await rm(this.#part, { force: true });
  }

  /** Stops, and removes the part. */
  async discard(): Promise<void> {
    this.#unwrittenBytes = 0;
    await this.leave();
    await rm(this.#part, { force: true });
  }

  async #writeOut(handle: FileHandle): Promise<void> {
    const bytes = this.#unwritten.subarray(0, this.#unwrittenBytes);
    this.#unwrittenBytes = 0; // also if it fails: the part then ends before them
    if (bytes.length > 0) await handle.writeFile(bytes);
  }

  /** Runs a write. If there is no space, removes the part. @throws Error */
  async #write(action: (handle: FileHandle) => Promise<void>): Promise<void> {
    if (this.#handle === null) return;
    try {
      await action(this.#handle);
    } catch (error) {
      if (NO_ROOM.has((error as { code?: unknown }).code)) await this.discard();
      throw error;
    }
  }

  async #giveName(): Promise<string> {
    const { folder, name, force } = this.#to;
    if (force) {
      const target = join(folder, name);
      await refuseFolder(target);
      await rename(this.#part, target);
      return target;
    }
    for (let number = 0; number <= MAX_NUMBER; number++) {
      const target = join(folder, numberedName(name, number));
      if (await this.#takes(target)) return target;
      if (!(await this.#isCopyOf(target))) continue;
      await rm(this.#part, { force: true });
      return target;
    }
    throw new Error(`there are ${MAX_NUMBER} files with its name`);
  }

  /** Gives the part a name. Resolves with false if the name is taken. */
  async #takes(target: string): Promise<boolean> {
    try {
      // If the process is killed here, the complete file, its part, or both are left.
      await link(this.#part, target);
      await rm(this.#part);
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      if (!NO_LINKS.has((error as { code?: unknown }).code)) throw error;
    }
    try {
      // Create an empty file first, because a rename alone would replace a file that was created meanwhile.
      await (await open(target, 'wx')).close();
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    }
    try {
      await rename(this.#part, target);
    } catch (error) {
      await rm(target, { force: true });
      throw error;
    }
    return true;
  }

  /**
   * Whether a file has the same bytes. A sender that was killed before it got the answer sends the file again, and one
   * copy is enough.
   */
  async #isCopyOf(path: string): Promise<boolean> {
    if ((await sizeOf(path)) !== this.#bytes) return false;
    const hash = createHash('sha256');
    await hashBytes(read(path), hash);
    return hash.digest('hex') === this.digest;
  }
}

/** Adds the bytes of a source to a hash. Resolves with their number. */
export async function hashBytes(source: AsyncIterable<Buffer>, hash: Hash): Promise<number> {
  let count = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    count += chunk.length;
  }
  return count;
}

/** Refuses to replace a folder: `--force` replaces only files. @throws Error if there is one */
async function refuseFolder(path: string): Promise<void> {
  const present = await lstat(path).catch(absent);
  if (present?.isDirectory()) throw new Error('a folder with its name exists here: move it away first');
}

function read(path: string): Readable {
  return createReadStream(path, { highWaterMark: 1_048_576 });
}

/** Resolves with a file's size in bytes; `null` if there is no file. */
async function sizeOf(path: string): Promise<number | null> {
  const present = await lstat(path).catch(absent);
  return present?.isFile() ? present.size : null;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
function absent(error: unknown): null {
  if (isCode(error, 'ENOENT')) return null;
  throw error;
}
