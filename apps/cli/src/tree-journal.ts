import { lstat, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { partName } from './file-name.js';
import { MAX_OFFER_BYTES } from './file-protocol.js';

/** What is remembered of a tree at most: somewhat more than one offer has. */
const MAX_BYTES = 4 * MAX_OFFER_BYTES;

/** What of a tree is here, kept beside it until all is: a receiver that starts again goes on from there. */
export class TreeJournal {
  /** Files that were stored: under which name, how large, and where. */
  readonly files: { readonly name: string; readonly size: number; readonly path: string }[] = [];
  /** Folders that were made for it, which are given the sender's permissions and times in the end. */
  readonly folders = new Set<string>();
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** The journal of a tree of `peer` that goes to `folder` under a safe name. */
  static async open(folder: string, root: string, peer: string): Promise<TreeJournal> {
    const journal = new TreeJournal(join(folder, partName(root, peer)));
    const present = await lstat(journal.#path).catch(() => null);
    if (present?.isFile() !== true || present.size > MAX_BYTES) return journal;
    for (const line of (await readFile(journal.#path, 'utf8')).split('\n')) {
      try {
        const { folder: made, ...file } = JSON.parse(line) as { folder?: string } & (typeof journal.files)[number];
        if (made !== undefined) journal.folders.add(made);
        else journal.files.push(file);
      } catch {
        // The last line of a process that was killed.
      }
    }
    return journal;
  }

  addFile(name: string, size: number, path: string): void {
    this.#append({ name, size, path });
  }

  addFolder(path: string): void {
    if (this.folders.has(path)) return;
    this.folders.add(path);
    this.#append({ folder: path });
  }

  /** Forgets the tree, of which all is here. */
  async remove(): Promise<void> {
    await this.#last;
    await rm(this.#path, { force: true });
  }

  /** One that can't be written costs no more than that files are sent again. */
  #append(entry: object): void {
    this.#last = this.#last.then(async () => {
      try {
        const file = await open(this.#path, 'a', 0o600);
        try {
          await file.appendFile(`${JSON.stringify(entry)}\n`);
        } finally {
          await file.close();
        }
      } catch {
        // As said.
      }
    });
  }
}
