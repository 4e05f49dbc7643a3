import { extname } from 'node:path';
import filenamify from 'filenamify';
import { withoutUnprintable } from './report.js';

/**
 * The longest name, in bytes of UTF-8. Common file systems allow 255; numbers and a part's suffix need some of them.
 */
export const MAX_NAME_BYTES = 200;
/** A file extension longer than this, in bytes, is cut like the rest of a name. */
const MAX_EXTENSION_BYTES = 20;
/** A run of blanks and dots that no name needs. */
const LONG_RUN = /[. ]{17,}/g;
/** The number of digits of the sender's address in the name of a part. */
const KEY_DIGITS = 16;
const PART = new RegExp(`\\.[0-9a-f]{${KEY_DIGITS}}\\.part$`, 'i');

/**
 * Makes a peer's name safe: no folders, no control or invisible characters, no reserved name (Windows device names
 * too), not hidden (no `.bashrc` in a home folder), not an option for a command with `*` (`-rf`), not the name of a
 * part, and not too long.
 */
export function safeName(given: string): string {
  // `filenamify` takes quadratic time for long runs of blanks and dots.
  const name = shorten(given.replace(LONG_RUN, '_'));
  // A lone surrogate has no UTF-8. It becomes U+FFFD, which filenamify replaces.
  const clean = filenamify(Buffer.from(name).toString(), {
    replacement: '_',
    maxLength: Number.MAX_SAFE_INTEGER,
  }).replace(/^[-. ]+/, '_');
  // `filenamify` keeps every zero-width joiner, even outside an emoji.
  const visible = withoutUnprintable(clean, '_');
  const short = shorten(visible === '' ? '_' : visible);
  return PART.test(short) ? `${short}_` : short;
}

const graphemes = new Intl.Segmenter();

function shorten(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) return name;
  const extension = extname(name);
  const extensionBytes = Buffer.byteLength(extension);
  const kept = extensionBytes <= MAX_EXTENSION_BYTES ? extension : '';
  const room = MAX_NAME_BYTES - Buffer.byteLength(kept);
  // A cut character becomes U+FFFD, which takes a place as it did, so the first one that is lost begins there or before.
  const end = bytes.subarray(0, room + 1).toString().length - 1;
  const stem = name.slice(0, graphemes.segment(name).containing(end)?.index);
  return `${stem.trimEnd() || '_'}${kept}`.replace(/[. ]+$/, '');
}

/** Numbers a name: `a (1).txt` for `a.txt`. With 0 it is unchanged. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)} (${number})${extension}`;
}

/** An entry for `safePaths`. */
interface Placed {
  readonly name: string;
  readonly folders?: readonly string[];
  readonly kind?: string;
}

/**
 * Returns safe paths for a batch, each as names from the outermost folder on. Files of one folder stay in one folder.
 * No two of them have the same name, even if the file system ignores case. `null` for more than `maxFolders` folders.
 */
export function safePaths(offered: readonly Placed[], maxFolders: number): string[][] | null {
  if (countFolders(offered, maxFolders) > maxFolders) return null;
  const root = new SafeFolder([]);
  return offered.map(({ name, folders = [], kind }) => {
    let folder = root;
    for (const one of folders) folder = folder.enter(one);
    return kind === 'folder' ? [...folder.enter(name).path] : [...folder.path, folder.place(name)];
  });
}

/** A folder's folders, by the peer's names. */
type Tree = Map<string, Tree>;

/** Counts the folders in the paths of a batch, to one more than `most`. */
function countFolders(offered: readonly Placed[], most: number): number {
  const root: Tree = new Map();
  let count = 0;
  for (const { folders = [] } of offered) {
    let tree = root;
    for (const folder of folders) {
      const known = tree.get(folder);
      if (known === undefined && ++count > most) return count;
      const next = known ?? new Map();
      tree.set(folder, next);
      tree = next;
    }
  }
  return count;
}

/** A peer's folder, with the names that its entries have here. */
class SafeFolder {
  readonly path: readonly string[];
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();
  readonly #folders = new Map<string, SafeFolder>();

  constructor(path: readonly string[]) {
    this.path = path;
  }

  /** Returns the folder with the peer's name `given`. The same name returns the same folder. */
  enter(given: string): SafeFolder {
    let folder = this.#folders.get(given);
    if (folder === undefined) {
      folder = new SafeFolder([...this.path, this.place(given)]);
      this.#folders.set(given, folder);
    }
    return folder;
  }

  /** Returns a unique name here for an entry with the peer's name `given`. */
  place(given: string): string {
    const name = safeName(given);
    const folded = name.toLowerCase();
    let number = this.#next.get(folded) ?? 0;
    while (this.#taken.has(numberedName(folded, number))) number++;
    this.#next.set(folded, number + 1);
    this.#taken.add(numberedName(folded, number));
    return numberedName(name, number);
  }
}

/**
 * Returns the name of a partial file. It contains the sender's address: no other sender can learn of it, or continue
 * it.
 */
export function partName(name: string, peer: string): string {
  return `${name}.${peer.slice(0, KEY_DIGITS)}.part`;
}
