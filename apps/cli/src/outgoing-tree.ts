import type { Dirent } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import createIgnore, { type Ignore } from 'ignore';
import { labelOf, MAX_FILES, type OfferedFile } from './file-protocol.js';
import { keptOf, OutgoingFile } from './outgoing-file.js';
import { staysWithin } from './placed.js';

/** The files to send, and what is left out and why. */
export interface Outgoing {
  readonly files: OutgoingFile[];
  readonly left: { readonly name: string; readonly why: string }[];
}

export interface TreeOptions {
  readonly name?: string | undefined;
  /** Patterns as in `.gitignore`, relative to each folder that is sent. */
  readonly exclude: readonly string[];
  readonly preserve: boolean;
}

/**
 * Adds a folder and everything in it to `into`, in the order of names, each folder before its content. It does not
 * follow links. @throws Error if the folder cannot be read, or there is too much in it
 */
export async function openTree(path: string, options: TreeOptions, into: Outgoing): Promise<void> {
  const root = resolve(path);
  const name = options.name ?? basename(root);
  const walk = new Walk(root, options, into);
  await walk.folder('', [], name === '' ? 'root' : name);
}

class Walk {
  readonly #root: string;
  readonly #preserve: boolean;
  readonly #ignore: Ignore;
  readonly #into: Outgoing;

  constructor(root: string, { exclude, preserve }: TreeOptions, into: Outgoing) {
    this.#root = root;
    this.#preserve = preserve;
    this.#ignore = createIgnore().add([...exclude]);
    this.#into = into;
  }

  /** Adds a folder. `relative` is its path from the root, with a slash at the end; empty for the root itself. */
  async folder(relative: string, folders: readonly string[], name: string): Promise<void> {
    const place = join(this.#root, relative);
    const kept = this.#preserve ? keptOf(await lstat(place)) : {};
    this.#add(OutgoingFile.withoutBytes({ name, size: 0, folders, kind: 'folder', ...kept }));
    const entries = await readdir(place, { withFileTypes: true });
    const within = [...folders, name];
    for (const entry of entries.sort(byName)) {
      const path = `${relative}${entry.name}${entry.isDirectory() ? '/' : ''}`;
      if (this.#ignore.ignores(path)) continue;
      try {
        await this.#entry(entry, path, within);
      } catch (error) {
        // If an entry cannot be read, still send the others.
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
        this.#leave(within, entry.name, error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #entry(entry: Dirent, path: string, folders: readonly string[]): Promise<void> {
    const place = join(this.#root, path);
    const { name } = entry;
    if (entry.isDirectory()) return this.folder(path, folders, name);
    if (entry.isFile()) return this.#add(await OutgoingFile.open(place, { name, folders, preserve: this.#preserve }));
    if (!entry.isSymbolicLink()) return this.#leave(folders, name, 'it is not a file, folder or link');
    const target = await readlink(place);
    if (!staysWithin(target, folders.length - 1))
      return this.#leave(folders, name, 'it is a link that leads out of the folder');
    this.#add(OutgoingFile.withoutBytes({ name, size: 0, folders, kind: 'link', target } satisfies OfferedFile));
  }

  #add(file: OutgoingFile): void {
    const { files } = this.#into;
    if (files.length >= MAX_FILES)
      throw new Error(`there are more than ${MAX_FILES} files and folders: leave some out, or send parts of it`);
    files.push(file);
  }

  #leave(folders: readonly string[], name: string, why: string): void {
    this.#into.left.push({ name: labelOf({ folders, name }), why });
  }
}

function byName(one: Dirent, other: Dirent): number {
  return one.name < other.name ? -1 : 1;
}
