import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { numberedName, partName } from './file-name.js';
import type { OfferedFile } from './file-protocol.js';
import { preserve } from './placed.js';

/** A part that meets one of these is removed: it can't grow, and the files that follow need its room. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** What a file system says that has no hard links. */
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
/** What is written at a time, at most: each write costs a thread's turn, whatever its size. */
const WRITE_BYTES = 262_144;
/** After so many files of one name a further one is refused. */
const MAX_NUMBER = 9_999;

/** Where a file goes. */
export interface Destination {
  readonly folder: string;
  /** A safe one. */
  readonly name: string;
  /** The sender's address. */
  readonly peer: string;
  /** A file of this name is replaced. */
  readonly force: boolean;
  /** Permissions and time that it is to have. */
  readonly keeps: Pick<OfferedFile, 'mode' | 'modifiedMs'>;
}

/** A file that comes in: it grows in a part beside its destination, and gets its name when it is whole and checked. */
export class IncomingFile {
  readonly #to: Destination;
  /** Infinite where it is not known. */
  readonly #size: number;
  readonly #part: string;
  /** Of the bytes that are here. */
  #hash: Hash;
  #bytes: number;
  /** The file that is whole already, if the bytes here are that one's. */
  #whole: string | null;
  #handle: FileHandle | null = null;
  /** What comes behind the part, until it is written: made with the first bytes. */
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
   * Finds what is here of a file: what an earlier attempt left of it, or all, where this process has stored the like
   * of it as `stored`. @throws Error where the part can't be read, or is no file, and where a folder is in its place
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

  /** Bytes that are here. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Their SHA-256, in hex. */
  get digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Goes on behind what is there, or from the beginning. */
  async begin(offset: number): Promise<void> {
    if (offset !== this.#bytes) {
      this.#hash = createHash('sha256');
      this.#bytes = 0;
      this.#whole = null;
    }
    if (this.#whole !== null) return;
    this.#handle = await open(this.#part, this.#bytes === 0 ? 'w' : 'a');
    // The digest is of what was there when it was read.
    if ((await this.#handle.stat()).size !== this.#bytes) throw new Error('another process is writing its .part');
  }

  /** Appends. @throws Error where it, or what came before, can't be written */
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

  /** Checks the digest, puts the file on the disk for good and gives it its name; resolves with its path. @throws Error with what was wrong */
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
    // Nothing can be made of it by going on.
    await rm(this.#part, { force: true });
    throw new Error('it did not arrive as it was sent: the digest differs');
  }

  /** Stops here. What came stays, to go on from. */
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

  /** Removes what came. */
  async discard(): Promise<void> {
    this.#unwrittenBytes = 0;
    await this.leave();
    await rm(this.#part, { force: true });
  }

  async #writeOut(handle: FileHandle): Promise<void> {
    const bytes = this.#unwritten.subarray(0, this.#unwrittenBytes);
    this.#unwrittenBytes = 0; // also where it fails: the part then ends before it
    if (bytes.length > 0) await handle.writeFile(bytes);
  }

  /** Does something that may find no room. */
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

  /** Gives the part a name, unless a file has it: then false. */
  async #takes(target: string): Promise<boolean> {
    try {
      // Whole at once: a process that is killed here leaves the file, its part, or both, and nothing else.
      await link(this.#part, target);
      await rm(this.#part);
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      if (!NO_LINKS.has((error as { code?: unknown }).code)) throw error;
    }
    try {
      // Taken first, as an empty file: a rename alone would replace a file that came to be meanwhile.
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

  /** Whether a file is the same: one that is sent again, since its sender was killed before it heard, is not kept twice. */
  async #isCopyOf(path: string): Promise<boolean> {
    if ((await sizeOf(path)) !== this.#bytes) return false;
    const hash = createHash('sha256');
    await hashBytes(read(path), hash);
    return hash.digest('hex') === this.digest;
  }
}

/** Takes the bytes of a source into a hash; resolves with how many there were. */
export async function hashBytes(source: AsyncIterable<Buffer>, hash: Hash): Promise<number> {
  let count = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    count += chunk.length;
  }
  return count;
}

/** `--force` replaces a file, and no folder with all that is in it. @throws Error where one is there */
async function refuseFolder(path: string): Promise<void> {
  const present = await lstat(path).catch(absent);
  if (present?.isDirectory()) throw new Error('a folder with its name exists here: move it away first');
}

function read(path: string): Readable {
  return createReadStream(path, { highWaterMark: 1_048_576 });
}

/** A file's size; `null` where there is none. */
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
