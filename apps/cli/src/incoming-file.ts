import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { numberedName, partName } from './file-name.js';

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
}

/** A file that comes in: it grows in a part beside its destination, and gets its name when it is whole and checked. */
export class IncomingFile {
  readonly #to: Destination;
  readonly #part: string;
  /** Of the bytes that are here. */
  #hash: Hash;
  #bytes: number;
  /** The file that is whole already, if the bytes here are that one's. */
  #whole: string | null;
  #handle: FileHandle | null = null;

  private constructor(to: Destination, part: string, hash: Hash, bytes: number, whole: string | null) {
    this.#to = to;
    this.#part = part;
    this.#hash = hash;
    this.#bytes = bytes;
    this.#whole = whole;
  }

  /**
   * Finds what is here of a file: what an earlier attempt left of it, or all, where this process has stored the like
   * of it as `stored`. @throws Error where the part can't be read, or is no file
   */
  static async find(to: Destination, size: number | null, stored: string | undefined): Promise<IncomingFile> {
    const part = join(to.folder, partName(to.name, to.peer));
    const hash = createHash('sha256');
    if (stored !== undefined && (await sizeOf(stored)) === size)
      return new IncomingFile(to, part, hash, await hashFile(stored, hash), stored);
    const present = await lstat(part).catch(absent);
    if (present !== null && !present.isFile()) throw new Error('its part is not a file');
    return new IncomingFile(to, part, hash, present === null ? 0 : await hashFile(part, hash), null);
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
    if ((await this.#handle.stat()).size !== this.#bytes) throw new Error('somebody else writes its part');
  }

  /** Appends. @throws Error where it can't be written */
  async append(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    await this.#handle?.writeFile(chunk);
  }

  /** Checks the digest, puts the file on the disk for good and gives it its name; resolves with its path. @throws Error with what was wrong */
  async finish(size: number, sha256: string): Promise<string> {
    const intact = this.#bytes === size && this.digest === sha256;
    if (intact && this.#whole !== null) return this.#whole;
    if (intact) await this.#handle?.sync();
    await this.#handle?.close();
    this.#handle = null;
    if (intact) return this.#giveName();
    // Nothing can be made of it by going on.
    await rm(this.#part, { force: true });
    throw new Error('it did not arrive as it was sent: the digest differs');
  }

  /** Stops here. What came stays, to go on from. */
  async leave(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
    if (this.#bytes === 0 && handle !== null) await rm(this.#part, { force: true });
  }

  /** Removes what came. */
  async discard(): Promise<void> {
    await this.leave();
    await rm(this.#part, { force: true });
  }

  async #giveName(): Promise<string> {
    const { folder, name, force } = this.#to;
    if (force) {
      const target = join(folder, name);
      await rename(this.#part, target);
      return target;
    }
    for (let number = 0; number <= MAX_NUMBER; number++) {
      const target = join(folder, numberedName(name, number));
      try {
        // Taken first, as an empty file: a rename alone would replace a file that came to be meanwhile.
        await (await open(target, 'wx')).close();
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error;
        if (!(await this.#isCopyOf(target))) continue;
        await rm(this.#part, { force: true });
        return target;
      }
      try {
        await rename(this.#part, target);
      } catch (error) {
        await rm(target, { force: true });
        throw error;
      }
      return target;
    }
    throw new Error(`there are ${MAX_NUMBER} files of its name`);
  }

  /** Whether a file is the same: one that is sent again, since its sender was killed before it heard, is not kept twice. */
  async #isCopyOf(path: string): Promise<boolean> {
    if ((await sizeOf(path)) !== this.#bytes) return false;
    const hash = createHash('sha256');
    await hashFile(path, hash);
    return hash.digest('hex') === this.digest;
  }
}

/** Takes a file's bytes, or its first `bytes`, into a hash; resolves with how many there were. */
export async function hashFile(path: string, hash: Hash, bytes = Number.POSITIVE_INFINITY): Promise<number> {
  if (bytes === 0) return 0;
  let count = 0;
  for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 1_048_576 })) {
    hash.update(chunk);
    count += chunk.length;
  }
  return count;
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
