import { lstat, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { partName } from './file-name.js';
import { MAX_OFFER_BYTES } from './file-protocol.js';

/** The largest journal: a little more than one offer. */
const MAX_BYTES = 4 * MAX_OFFER_BYTES;

/** Records which files of a tree are here, until all are, so that a restarted receiver can continue. */
export class TreeJournal {
  /** The stored files: name, size and path. */
  readonly files: { readonly name: string; readonly size: number; readonly path: string }[] = [];
  /** The created folders, which get the sender's permissions and times at the end. */
  readonly folders = new Set<string>();
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Opens the journal of a tree of `peer` that is stored in `folder` under a safe name. */
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
        // The incomplete last line of a killed process.
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

  /** Removes the journal of a complete tree. */
  async remove(): Promise<void> {
    await this.#last;
    await rm(this.#path, { force: true });
  }

  /** Appends an entry. If that fails, files may be sent again. */
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
        // Files may be sent again.
      }
    });
  }
}
